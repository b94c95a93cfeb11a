//! The names of the months.

use std::sync::OnceLock;

use crate::text::words;

/// The names of the months in the languages of readers. A name that declines is cut to what all its
/// forms begin with. (A Croat's "listopad" is October, a Pole's and a Czech's November.)
const MONTHS: [&str; 12] = [
    "january januar januari janvier enero janeiro gennaio stycz leden ledna январ ocak \
     jänner gener ianuar január tammiku siječ січ януари jaanuar ιανουαρ \
     يناير ינואר בינואר जनवरी มกราคม",
    "february februar februari février febrero fevereiro febbraio lut únor feber феврал şubat \
     febrer február helmiku veljač лют февруари veebruar φεβρουαρ \
     فبراير פברואר בפברואר फ़रवरी फरवरी กุมภาพันธ์",
    "march marz märz maerz mars marzo março maart mrt marzec marca březen března март \
     marts març martie március maalisku ožuj берез μαρτ \
     مارس מרץ במרץ मार्च maret มีนาคม",
    "april avril abril aprile kwie duben dubna апрел nisan \
     aprilie április huhtiku travanj travnj квіт април aprill απριλ \
     أبريل إبريل ابريل אפריל באפריל अप्रैल เมษายน",
    "may mai mayo maio maggio mei maj květen května май мая mayıs \
     maig május toukoku svib трав μαι \
     مايو מאי במאי मई พฤษภาคม",
    "june juni juin junio junho giugno czerwiec czerwca červen června июн haziran \
     juny iuni június kesäku lipanj lipnj черв юни juuni ιουν \
     يونيو יוני ביוני जून มิถุนายน",
    "july lip juli juillet julio julho luglio lipiec lipca červenec července июл temmuz \
     juliol iuli július heinäku srpanj srpnj лип юли juuli ιουλ \
     يوليو יולי ביולי जुलाई กรกฎาคม",
    "august août agosto augustus sierp srpen srpna август ağustos \
     agost augusti augusztus eloku kolovoz серп αυγ \
     أغسطس اغسطس אוגוסט באוגוסט अगस्त agustus สิงหาคม",
    "september septembre septiembre setiembre setembro settembre wrze září сентябр eylül \
     septembrie szeptember syysku rujan rujn верес септември σεπτ \
     سبتمبر ספטמבר בספטמבר सितंबर सितम्बर กันยายน",
    "october oktober octobre octubre outubro ottobre pazdz paźdz říjen října октябр ekim \
     octombrie október lokaku жовт октомври oktoober οκτ \
     أكتوبر اكتوبر אוקטובר באוקטובר अक्टूबर अक्तूबर ตุลาคม",
    "november novembre noviembre novembro listopad ноябр kasım \
     noiembrie marrasku studeni studenog ноември νοε \
     نوفمبر נובמבר בנובמבר नवंबर नवम्बर พฤศจิกายน",
    "december dezember décembre diciembre dezembro dicembre grud prosin декабр aralık \
     desember desembre decembrie jouluku груд декември detsember δεκ \
     ديسمبر דצמבר בדצמבר दिसंबर दिसम्बर ธันวาคม",
];

type ByLetter = Vec<(char, Vec<(String, usize)>)>;

/// The names of months, comparable, each with its month's index, by their first letters.
fn months() -> &'static ByLetter {
    static NAMES: OnceLock<ByLetter> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut by_letter = ByLetter::new();
        for (index, names) in MONTHS.iter().enumerate() {
            for name in words(names) {
                let letter = name.chars().next().unwrap_or_default();
                match by_letter.iter_mut().find(|(known, _)| *known == letter) {
                    Some((_, names)) => names.push((name, index)),
                    None => by_letter.push((letter, vec![(name, index)])),
                }
            }
        }
        by_letter
    })
}

const ROMAN: [&str; 12] = [
    "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii",
];

/// The month that a word without accents names, in full or cut to three letters or more.
pub(crate) fn month_by_name(word: &str) -> Option<u32> {
    let number = |index: usize| index as u32 + 1;
    if let Some(index) = ROMAN.iter().position(|roman| *roman == word) {
        return Some(number(index));
    }
    let letter = word.chars().next()?;
    let (_, names) = months().iter().find(|(known, _)| *known == letter)?;
    let is_whole = word.chars().count() > 2;
    let by = |same: fn(&str, &str) -> bool| {
        let mut names = names.iter();
        names
            .find(|(name, _)| same(name, word))
            .map(|(_, index)| number(*index))
    };
    by(|name, word| name == word)
        .or_else(|| by(|name, word| name.starts_with(word)).filter(|_| is_whole))
        // Declined: "stycznia", "января".
        .or_else(|| by(|name, word| word.starts_with(name)).filter(|_| is_whole))
}
