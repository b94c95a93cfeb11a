import assert from 'node:assert/strict';

/**
 * Shapes as a strict decoder has them: a type's name, `[shape]` for a list of it, an object of shapes, or a function that
 * says whether it is content. A member whose name ends in `?` may be absent, and is never null.
 */
export function assertShape(value, shape, at = 'answer') {
	if (typeof shape === 'function') return assert.ok(shape(value), `${at}: ${JSON.stringify(value)}`);
	if (typeof shape === 'string') {
		if (shape === 'integer') return assert.ok(Number.isInteger(value), `${at}: ${JSON.stringify(value)} is no integer`);
		return assert.equal(typeof value, shape, `${at}: ${JSON.stringify(value)}`);
	}
	if (Array.isArray(shape)) {
		assert.ok(Array.isArray(value), `${at}: ${JSON.stringify(value)} is no list`);
		return value.forEach((item, n) => assertShape(item, shape[0], `${at}[${n}]`));
	}
	assert.ok(value && typeof value === 'object' && !Array.isArray(value), `${at}: ${JSON.stringify(value)} is no object`);
	for (const [name, inner] of Object.entries(shape)) {
		const key = name.replace(/\?$/, '');
		if (key !== name && !(key in value)) continue;
		assert.ok(key in value, `${at}.${key} is missing in ${JSON.stringify(value).slice(0, 300)}`);
		assertShape(value[key], inner, `${at}.${key}`);
	}
}

export const oneOf = (...words) => (value) => words.includes(value);
export const uri = (value) => typeof value === 'string' && URL.canParse(value);
export const time = (value) => typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value));
export const uuid = (value) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(value);
const part = (value) => typeof value === 'number' && value >= 0 && value <= 1;

/** What the SDK's `schema.d.ts` declares, under its names. */
export const ErrorResponse = { success: (value) => value === false, error: { code: 'string', message: 'string', 'retryable?': 'boolean' } };

const metadata = { timestamp: time, 'requestId?': 'string', 'cached?': 'boolean', 'processingTime?': 'number' };
const success = (data) => ({ success: (value) => value === true, data, metadata });

export const Book = {
	isbn: 'string',
	'isbn10?': 'string',
	title: 'string',
	'subtitle?': 'string',
	authors: ['string'],
	'publisher?': 'string',
	'publishedDate?': 'string',
	'description?': 'string',
	'pageCount?': 'number',
	'categories?': ['string'],
	'language?': 'string',
	'coverUrl?': uri,
	'thumbnailUrl?': uri,
	'coverUrls?': { large: uri, medium: uri, small: uri },
	'coverSource?': oneOf('r2', 'external', 'external-fallback'),
	'workKey?': 'string',
	'editionKey?': 'string',
	provider: oneOf('alexandria', 'google_books', 'open_library', 'isbndb'),
	quality: (value) => typeof value === 'number' && value >= 0 && value <= 100,
};

export const CapabilitiesResponse = {
	features: {
		semantic_search: 'boolean',
		similar_books: 'boolean',
		weekly_recommendations: 'boolean',
		sse_streaming: 'boolean',
		batch_enrichment: 'boolean',
		csv_import: 'boolean',
	},
	limits: { semantic_search_rpm: 'number', text_search_rpm: 'number', csv_max_rows: 'number', batch_max_photos: 'number' },
	version: 'string',
};

const status = oneOf('queued', 'processing', 'completed', 'failed', 'canceled');

export const SearchResponse = success({ books: [Book], total: 'integer' });
export const BookResponse = success(Book);
export const EnrichResponse = success({ books: [Book], found: 'integer', requested: 'integer' });
export const JobInitResponse = success({ jobId: uuid, status, streamUrl: uri, token: 'string' });
export const JobStatusResponse = success({
	jobId: uuid,
	type: oneOf('csv_import', 'bookshelf_scan', 'batch_enrichment'),
	status,
	progress: part,
	processedCount: 'integer',
	totalCount: 'integer',
	'startTime?': time,
	'completedTime?': time,
	'error?': { 'code?': 'string', 'message?': 'string' },
});
export const JobResultsResponse = success({ jobId: uuid, status: oneOf('completed'), results: ['object'] });

/** What its `streaming.d.ts` declares. */
export const SSEProgressEvent = {
	jobId: 'string',
	status: oneOf('initialized', 'processing', 'completed', 'failed', 'canceled'),
	progress: part,
	processedCount: 'integer',
	totalCount: 'integer',
	'startedAt?': time,
	'completedAt?': time,
	'error?': { code: 'string', message: 'string', 'retryable?': 'boolean' },
	'books?': [
		{
			'isbn?': 'string',
			title: 'string',
			authors: ['string'],
			'language?': 'string',
			'publisher?': 'string',
			'publishedDate?': 'string',
		},
	],
};

export const WebSocketProgressMessage = {
	type: oneOf('ready_ack', 'progress', 'book_enriched', 'job_complete', 'error'),
	jobId: 'string',
	'progress?': part,
	'currentBook?': { title: 'string', 'isbn?': 'string' },
	'book?': 'object',
	'error?': { code: 'string', message: 'string' },
};
