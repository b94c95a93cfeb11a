const LABELS = { success: 'Found', error: 'Look-up failed', circuit_open: 'Catalogue away', pending: 'Not looked up' };
const UNANSWERED = ['error', 'circuit_open', 'pending'];

/**
 * The contract spells a book in three ways (import, scan, enrichment); this is the page's one.
 * `state` is what a row shows: found, review, missing; `shownBy` are the filters that let the book through: one to be
 * reviewed is found or missing, too, so that the filters' numbers are those of the job.
 */
export function toBook(raw, index) {
	const found = raw.enrichment ?? raw.enriched ?? {};
	const { work = {}, edition = found.editions?.[0] ?? {} } = found;
	const status = raw.enrichmentStatus ?? (raw.success ? 'success' : 'not_found');
	// A book that nobody knows is called so where there is nothing to choose from.
	const doubtful = raw.toReview && (status === 'success' || raw.candidates?.length > 0);
	const known = status === 'success' ? 'found' : 'missing';
	// What has neither a title nor anything to ask by the server has lost: no such book can be sent.
	const lost = status === 'error' && raw.nothingToAskBy && !raw.title;
	const title = raw.title || 'Untitled';
	const authors = (raw.authors ?? [raw.author]).filter(Boolean);
	const isbn = raw.isbn13 ?? raw.isbn ?? edition.isbn;
	return {
		raw,
		index,
		title,
		authors,
		text: fold([title, ...authors, isbn, raw.source?.series?.name].join(' ')),
		year: raw.publicationYear ?? (raw.publishedDate ?? edition.publicationDate)?.match(/\d{4}/)?.[0] ?? work.firstPublicationYear,
		isbn,
		publisher: raw.publisher ?? edition.publisher,
		pages: raw.pageCount ?? edition.pageCount,
		cover: coverOf(raw.coverUrl ?? edition.coverImageURL ?? work.coverImageURL ?? ''),
		confidence: raw.confidence,
		box: raw.boundingBox,
		photo: raw.photoIndex ?? 0,
		state: doubtful ? 'review' : known,
		shownBy: ['all', known, raw.toReview && 'review'],
		lost,
		label: doubtful ? 'To review' : lost ? 'Lost' : raw.nothingToAskBy ? 'Too little to look up' : (LABELS[status] ?? 'Not found'),
		/** What a retry would have to try: error, not_found, or nothing. */
		tries: raw.choice || raw.nothingToAskBy ? null : UNANSWERED.includes(status) ? 'error' : status,
	};
}

/** What is left of a text when case and accents count for nothing. */
export const fold = (text) => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().trim();

// Rows are small, and Open Library's medium cover weighs a tenth of its large one.
const coverOf = (url) => url.startsWith('https://') && url.replace(/(\/\/covers\.openlibrary\.org\/.*)-L\.jpg$/, '$1-M.jpg');

export const asText = (books) => books.map(({ title, authors, isbn }) => [title, authors.join(', '), isbn].filter(Boolean).join(' – ')).join('\n');

export const asJson = (books) => JSON.stringify(books.map(({ raw }) => raw), null, 2);

// Goodreads' names: whatever imports its exports imports this file too.
const COLUMNS = {
	Title: ({ raw, title }) => (raw.source?.title?.startsWith(title) ? raw.source.title : title),
	Author: ({ authors }) => authors[0],
	'Additional Authors': ({ authors }) => authors.slice(1).join(', '),
	ISBN13: ({ isbn }) => isbn,
	Publisher: ({ publisher }) => publisher,
	'Number of Pages': ({ pages }) => pages,
	Binding: ({ raw }) => raw.source?.format,
	'Year Published': ({ year }) => year,
	'Original Publication Year': ({ raw }) => raw.source?.originalYear,
	'My Rating': ({ raw }) => raw.source?.userRating,
	'Date Read': ({ raw }) => raw.source?.dateRead,
	'Dates Read': ({ raw }) => raw.source?.datesRead?.join(', '),
	'Date Started': ({ raw }) => raw.source?.dateStarted,
	'Date Added': ({ raw }) => raw.source?.dateAdded,
	'Exclusive Shelf': ({ raw }) => raw.source?.readingStatus,
	Bookshelves: ({ raw }) => raw.source?.shelves?.join(', '),
	'My Review': ({ raw }) => raw.source?.review,
	'Private Notes': ({ raw }) => raw.source?.notes,
	'Read Count': ({ raw }) => raw.source?.readCount,
	'Owned Copies': ({ raw }) => raw.source?.ownedCopies,
	Series: ({ raw }) => raw.source?.series?.name,
	'Series Number': ({ raw }) => raw.source?.series?.position,
	'Book Id': ({ raw }) => raw.source?.goodreadsId,
	'Stopped Date': ({ raw }) => raw.source?.dateStopped,
	ASIN: ({ raw }) => raw.source?.asin,
	'LibraryThing Id': ({ raw }) => raw.source?.librarythingId,
	'Look-up': ({ label }) => label,
};

/** RFC 4180, with the byte order mark by which spreadsheets know UTF-8. */
export function asCsv(books) {
	const rows = [Object.keys(COLUMNS), ...books.map((book) => Object.values(COLUMNS).map((column) => column(book)))];
	return '\ufeff' + rows.map((row) => row.map(cell).join(',') + '\r\n').join('');
}

// A title is other people's text: no spreadsheet shall run it as a formula.
const cell = (value) => String(value ?? '').replace(/^[\s\u0000-\u001f]*[=+\-@＝＋－＠]|^[\t\r]/, "'$&").replace(/^.*[",;\t\r\n].*$/s, (text) => `"${text.replaceAll('"', '""')}"`);
