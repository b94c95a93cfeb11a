//! The meanings of headers that are questions, as forms ask them: "Who is the author?"

use super::super::field::Field::{self, *};
use super::super::reading::Certainty;
use super::{Meaning, by_keywords, dictionary, listed, scale_in, short_key};
use crate::date::DateOrder;
use crate::text::words;
use crate::word_list::is_in;

/// Words that make a header a question and say nothing of what is asked.
const ASKING: &str = "any what whats who whos which how many much is was were are does did do would could can will should \
    give you your yours u have has had had been be it its this that these they them there \
    wie viele viel was wer welche welcher welches welchem ist war hat hast habe hatten haben du sie es ihr dir buch \
    quel quelle quels quelles qui que quoi est combien avez vous as tu t il elle ce cette votre ton \
    cual cuales que quien quienes es fue son cuantas cuantos cuanto te lo ha has tu su este esta \
    qual quais quem quantas quantos foi voce seu sua quale quali chi quanti quante era hai tuo \
    какая какой какое какие кто сколько вы ты ли это \
    hoeveel welk welke wat heb heeft je jouw is het";

/// What is asked for by verbs.
const VERBS: &[(Field, &str)] = &[
    (
        Author,
        "wrote write written writes geschrieben schrieb ecrit escribio escribe escreveu scritto scrisse написал написала \
         автор geschreven",
    ),
    (
        Title,
        "called named heisst hiess appelle llama chama chiama называется heet",
    ),
    (
        Review,
        "think thought thoughts like liked enjoy enjoyed opinion feel felt say fandest findest gefallen pense penses \
         parece parecio opinas pensi achou думаете vond vind",
    ),
    (
        Rating,
        "rate rated score stars sterne etoiles estrellas estrelas stelle звезд sterren",
    ),
    (ReadCount, "times mal fois veces vezes volte раз keer"),
    (Tags, "genre genres genero generes genere жанр"),
    (Series, "series serie reihe saga"),
    (Format, "format formato edition"),
    (
        Read,
        "finish finished read gelesen beendet lu fini leido terminado lido letto finito прочитали gelezen",
    ),
    (OwnedCopies, "own owned besitzt besitzen possedez tienes"),
];

/// The meaning of a header that ends or begins with a question mark.
pub(super) fn meaning(header: &str) -> Option<Meaning> {
    let header = header.trim();
    let question = header
        .split_inclusive(['?', '？'])
        .next()
        .unwrap_or_default();
    if !question.ends_with(['?', '？']) && !header.starts_with('¿') {
        return None;
    }
    let asking = listed(ASKING);
    // "l'auteur"
    let question = &question.replace("l'", "").replace("l’", "");
    let asked: Vec<String> = words(question)
        .into_iter()
        .filter(|word| !asking.contains(word))
        .collect();
    let has = |list: &'static str| asked.iter().any(|word| listed(list).contains(word));
    let by_verbs = || {
        let mut verbs = VERBS.iter();
        verbs.find(|(_, list)| has(list)).map(|(field, _)| *field)
    };
    let bare = asked.join(" ");
    let exact = || {
        let known = dictionary().get(&short_key(&words(&bare)))?;
        Some(known.field).filter(|_| !bare.is_empty())
    };
    let is_when = words(question)
        .iter()
        .any(|word| WHEN.contains(&word.as_str()));
    let field = match is_when {
        true => by_keywords(&format!("when {bare}")).or(Some(DateRead).filter(|_| has(READING))),
        false => exact()
            .or_else(|| by_keywords(&bare))
            .or_else(by_verbs)
            .or_else(|| scale_in(header).map(|_| Rating)),
    };
    // "What book did you read?", not "What book genre is it?"
    const WHICH: &str = "what which welches quel que cual qual quale welk jaka какую какая";
    const BOOK: &str = "book buch livre libro livro boek ksiazke книгу книга";
    let field = match words(question).as_slice() {
        [which, book, ..] if is_in(WHICH, which) && is_in(BOOK, book) => match field {
            None | Some(Read | DateRead | Review) => Some(Title),
            field => field,
        },
        _ => field,
    };
    // "Did you like it?" has a yes for an answer, and "Would you recommend it?" as well.
    const YES_OR_NO: &str = "did do does have is are would was has";
    let is_yes_or_no = (words(question).first()).is_some_and(|first| is_in(YES_OR_NO, first));
    let field = field.filter(|field| {
        !is_yes_or_no || matches!(field, Read | Unread | OwnedCopies | Series | DateRead)
    })?;
    let field = match field {
        DateRead if is_yes_or_no && !is_when => Read,
        field => field,
    };
    Some(Meaning {
        field,
        certainty: Certainty::Likely,
        order: DateOrder::Unknown,
    })
}

/// Words that ask for a day.
const WHEN: [&str; 9] = [
    "when",
    "wann",
    "quand",
    "cuando",
    "quando",
    "когда",
    "wanneer",
    "kiedy",
    "nar",
];

const READING: &str = "finish finished read gelesen beendet lu fini leido leiste terminaste lido leu letto finito прочитали gelezen";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_forms_ask_for() {
        for (header, expected) in [
            ("What is the title?", Some(Title)),
            ("What is the title of the book?", Some(Title)),
            ("What's the book called?", Some(Title)),
            ("What book did you read?", Some(Title)),
            ("Welches Buch hast du gelesen?", Some(Title)),
            ("¿Qué libro leíste?", Some(Title)),
            ("Who is the author?", Some(Author)),
            ("Who wrote it?", Some(Author)),
            ("When did you finish it?", Some(DateRead)),
            ("When did you read it?", Some(DateRead)),
            ("When did you start reading it?", Some(DateStarted)),
            ("When did you buy it?", Some(DateAdded)),
            ("How many stars would you give it?", Some(Rating)),
            ("How would you rate it (1-5)?", Some(Rating)),
            ("How many pages does it have?", Some(Pages)),
            ("What did you think of it?", Some(Review)),
            ("Did you finish it?", Some(Read)),
            ("Have you read it?", Some(Read)),
            ("How many times have you read it?", Some(ReadCount)),
            ("What is the ISBN?", Some(Isbn)),
            ("What genre is it?", Some(Tags)),
            ("What year was it published?", Some(Year)),
            ("Do you own it?", Some(OwnedCopies)),
            ("Wie heißt das Buch?", Some(Title)),
            ("Wer hat es geschrieben?", Some(Author)),
            ("Wann hast du es gelesen?", Some(DateRead)),
            ("Wie viele Sterne?", Some(Rating)),
            ("Quel est le titre ?", Some(Title)),
            ("Qui est l'auteur ?", Some(Author)),
            ("Combien de pages ?", Some(Pages)),
            ("¿Cuál es el título?", Some(Title)),
            ("¿Quién es el autor?", Some(Author)),
            ("¿Cuándo lo leíste?", Some(DateRead)),
            ("Would you recommend it?", None),
            ("Did you like it?", None),
            ("Where did you buy it?", None),
            ("Do Androids Dream of Electric Sheep?", None),
        ] {
            let field = meaning(header).map(|meaning| meaning.field);
            assert_eq!(field, expected, "{header}");
        }
    }
}
