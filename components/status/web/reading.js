import { h } from './dom.js';

const SURE = { given: 'as you said', certain: '', likely: 'probably', guessed: 'guessed' };

/** "ISBN13, from an export of Goodreads": where the books of a file come from, in a line. */
function sourceOf({ program, encoding, encodingGuessed, delimiter, sheet, headerRow, repaired }) {
	return [
		program && `An export of ${program}`,
		sheet && `Sheet “${sheet}”`,
		`${encoding}${encodingGuessed ? ' (guessed)' : ''}`,
		delimiter && `fields separated by ${delimiter}`,
		headerRow ? headerRow > 1 && `columns named in line ${headerRow}` : 'no line that names the columns',
		repaired > 0 && `${repaired} damaged places repaired`,
	].filter(Boolean).join(' · ');
}

/** A field's name as people write it: "date read" for `dateRead`. */
const words = (field) => (field === 'isbn' ? 'ISBN' : field.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`));

/** What each column was taken for; with `choose`, a person may say it better than `mapping`. */
export function readingTable(reading, fields, choose, mapping) {
	const field = ({ name, field }, at) => {
		if (!choose) return field ? words(field) : 'not used';
		// By its number: names may be missing, or there twice.
		const key = `#${at + 1}`;
		const option = (value, text) => h('option', { value, selected: value === (mapping?.[key] ?? field ?? 'ignore') }, text);
		const orders = /^date|^read$/.test(field) ? ['day', 'month'].map((first) => option(`${field}:${first}-first`, `${words(field)}, ${first} first`)) : [];
		return h('select', { 'aria-label': `What ${name || `column ${at + 1}`} is`, onchange: ({ target }) => choose(key, target.value) }, option('ignore', 'not used'), fields.map((value) => option(value, words(value))), orders);
	};
	const row = (column, at) => h('tr', h('th', { scope: 'row' }, column.name), h('td', field(column, at)), h('td', [SURE[column.certainty], column.values, column.notUnderstood && `${column.notUnderstood} not understood`].filter(Boolean).join(', ')), h('td', column.filled.toLocaleString()), h('td.fine', (column.samples ?? []).join(' · ')));
	const head = h('tr', ['Column', 'Read as', 'How', 'Filled', 'For example'].map((name) => h('th', { scope: 'col' }, name)));
	const left = [['Sheets that were not read', reading.otherSheets], ['Above the columns’ names', reading.linesAbove]];
	return [h('p.fine', sourceOf(reading)), ...left.map(([what, names]) => names && h('p.fine', `${what}: ${names.join(' · ')}`)), h('div.scroll', h('table', h('thead', head), h('tbody', reading.columns.map(row))))];
}

/** The step before an import whose file is not plain: what would come of it, and what to change. */
export function previewStep(preview, { choose, go, mapping }) {
	const { reading, failure, booksFound, rowsRejected, errors, problems, books, fields } = preview;
	const table = readingTable(reading, fields, choose, mapping);
	if (failure) return h('div.step', h('p.bad', failure.userMessage ?? failure.message), table);
	const first = books.slice(0, 5).map(({ title, isbn, authors }) => h('li', [title || isbn, authors.join(', ')].filter(Boolean).join(' – ')));
	const remarks = errors.slice(0, 20).map(({ row, error }) => h('li', `Row ${row} · ${error}`));
	return h(
		'div.step',
		h('p', 'Please look whether the columns were understood.'),
		table,
		h('ol.fine', first),
		remarks.length > 0 && h('details', h('summary', `Remarks (${problems})`), h('ul', remarks)),
		h('div.row', h('button.button.primary', { onclick: go }, `Import ${booksFound.toLocaleString()} books`), rowsRejected > 0 && h('p.fine', `${rowsRejected.toLocaleString()} rows are left out`)),
	);
}
