// The published TypeScript SDK, bundled as its users do, against the running application: every operation that it has
// and both of its stream helpers. Its own declarations say what must be in the answers: see shape.js.

import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { build } from 'esbuild';
import { EventSource, WebSocket } from 'undici';
import { Server } from '../browser/server.js';
import * as shapes from './shape.js';
import { assertShape } from './shape.js';

const LIBRARY = await readFile(new URL('../data/goodreads_library_export.csv', import.meta.url));
const SHELF = await readFile(new URL('../data/bookshelf-13.jpg', import.meta.url));
const BUNDLE = new URL('../../target/foreign-sdk.mjs', import.meta.url);
/** Nothing takes this long unless it is broken. */
const PATIENCE = 60_000;
/** A book that the stand-ins know, and one that nobody does. */
const KNOWN = '9780743273565';
const UNKNOWN = '9780000000002';

// What a browser has.
Object.assign(globalThis, { EventSource, WebSocket });

let server, sdk, client;

before(async () => {
	await build({
		stdin: { contents: "export * from '@jukasdrj/bookstrack-api-client'", resolveDir: import.meta.dirname },
		bundle: true,
		format: 'esm',
		platform: 'browser',
		outfile: BUNDLE.pathname,
	});
	sdk = await import(BUNDLE.href);
	// Small steps: there is something to see before the end.
	server = await Server.start({ delay: '100ms', variables: { tuning: 'wave_items=5 remember_books=0', open_library_burst: 100 } });
	client = sdk.createBooksTrackClient({ baseUrl: server.url });
});

after(async () => {
	await server?.stop();
	await rm(BUNDLE, { force: true });
});

/** The data of an answer that is `status` and has this shape. */
function answered({ data, error, response }, status, shape) {
	assert.equal(response.status, status, JSON.stringify(error ?? data));
	assertShape(data, shape);
	return data.data ?? data;
}

/** The error of an answer that is refused with `status`. */
function refused({ error, response }, status) {
	assert.equal(response.status, status, JSON.stringify(error));
	assert.match(response.headers.get('content-type'), /^application\/problem\+json\b/);
	assertShape(error, shapes.ErrorResponse);
	assert.equal(error.status, status);
	assertShape(error, { type: 'string', title: 'string', detail: 'string' });
	return error.error;
}

function form(name, bytes, file, type) {
	const body = new FormData();
	body.append(name, new Blob([bytes], { type }), file);
	return body;
}

// As openapi-fetch has it: a header that is null is taken away, here the type that the client gives all its requests.
const FORM = { 'Content-Type': null };
const rows = (count) => LIBRARY.toString().split('\n').slice(0, count + 1).join('\n');
const csv = (text) => form('file', text, 'library.csv', 'text/csv');

async function startImport(text = rows(40)) {
	const answer = await client.POST('/v3/jobs/imports', { body: csv(text), headers: FORM });
	return answered(answer, 202, shapes.JobInitResponse);
}

async function startScan() {
	const answer = await client.POST('/v3/jobs/scans', { body: form('photos[]', SHELF, 'shelf.jpg', 'image/jpeg'), headers: FORM });
	return answered(answer, 202, shapes.JobInitResponse);
}

/** The SDK has no operation that makes one: the route's answer is what others read. */
async function startEnrichment(isbns = ISBNS) {
	const response = await fetch(`${server.url}/v3/jobs/enrichment`, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify({ isbns }),
	});
	return answered({ data: await response.json(), response }, 202, shapes.JobInitResponse);
}

const ISBNS = [...new Set(LIBRARY.toString().match(/\b97[89]\d{10}\b/g))].slice(0, 40);

const KINDS = {
	imports: { start: startImport, type: 'csv_import' },
	scans: { start: startScan, type: 'bookshelf_scan' },
	enrichment: { start: startEnrichment, type: 'batch_enrichment' },
};

const job = (kind, { jobId, token }, rest = '') => [
	`/v3/jobs/${kind}/{jobId}${rest}`,
	{ params: { path: { jobId }, header: { Authorization: `Bearer ${token}` } } },
];

/** Polls to the end. */
async function finish(kind, accepted) {
	const deadline = Date.now() + PATIENCE;
	let before = { progress: 0, processedCount: 0 };
	for (;;) {
		const state = answered(await client.GET(...job(kind, accepted)), 200, shapes.JobStatusResponse);
		assert.ok(state.progress >= before.progress && state.processedCount >= before.processedCount, 'nothing goes back');
		if (!['queued', 'processing'].includes(state.status)) return state;
		assert.ok(Date.now() < deadline, JSON.stringify(state));
		before = state;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

test('getCapabilities is flat', async () => {
	const { features, limits } = answered(await client.GET('/v3/capabilities'), 200, shapes.CapabilitiesResponse);
	assert.deepEqual([features.semantic_search, features.similar_books, features.weekly_recommendations], [false, false, false]);
	assert.deepEqual([features.sse_streaming, features.batch_enrichment, features.csv_import], [true, true, true]);
	assert.ok(limits.csv_max_rows > 0 && limits.batch_max_photos > 0);
});

test('what this server does not have is a problem that the SDK reads', async () => {
	refused(await client.GET('/v3/recommendations/weekly', { params: { query: { limit: 5 } } }), 404);
	const event = { body: { isbn: KNOWN, type: 'edition' }, params: { header: { 'x-alexandria-webhook-secret': 'secret' } } };
	refused(await client.POST('/v3/webhooks/alexandria/enrichment-complete', event), 404);
});

test('uploads are read under the type that the SDK gives all its requests', async () => {
	const started = await client.POST('/v3/jobs/imports', { body: csv(rows(5)) });
	assert.equal((await finish('imports', answered(started, 202, shapes.JobInitResponse))).status, 'completed');
	const photo = form('photos[]', SHELF, 'shelf.jpg', 'image/jpeg');
	const scanned = await client.POST('/v3/jobs/scans', { body: photo });
	assert.equal((await finish('scans', answered(scanned, 202, shapes.JobInitResponse))).status, 'completed');
	refused(await client.POST('/v3/jobs/imports', { body: { file: 'Title' } }), 415);
});

test('searchBooks finds books by words, in pages', async () => {
	const search = (query) => client.GET('/v3/books/search', { params: { query } });
	const { books, total } = answered(await search({ q: 'The Great Gatsby', mode: 'text', page: 1, limit: 5 }), 200, shapes.SearchResponse);
	assert.ok(books.length >= 1 && books.length <= 5 && total >= books.length);
	assert.match(books[0].title, /Gatsby/);
	assert.ok(answered(await search({ q: KNOWN }), 200, shapes.SearchResponse).books.length >= 1, 'an ISBN is found, too');
	for (const mode of ['semantic', 'similar']) refused(await search({ q: 'gatsby', mode }), 400);
	refused(await search({ q: '' }), 400);
});

test('getBookByISBN', async () => {
	const get = (isbn) => client.GET('/v3/books/{isbn}', { params: { path: { isbn } } });
	const book = answered(await get(KNOWN), 200, shapes.BookResponse);
	assert.equal(book.isbn, KNOWN);
	assert.ok(book.authors.length > 0);
	assert.equal(refused(await get(UNKNOWN), 404).code, 'NOT_FOUND');
	refused(await get('1234'), 400);
});

test('enrichBooks looks up at once, or as a job', async () => {
	const enrich = (body) => client.POST('/v3/books/enrich', { body });
	const data = answered(await enrich({ isbns: [KNOWN, UNKNOWN], includeEmbedding: false }), 200, shapes.EnrichResponse);
	assert.deepEqual([data.found, data.requested, data.books.length], [1, 2, 1]);
	refused(await enrich({ isbns: [], includeEmbedding: false }), 400);
	const accepted = answered(await enrich({ isbns: ISBNS.slice(0, 5), async: true }), 202, shapes.JobInitResponse);
	assert.equal((await finish('enrichment', accepted)).status, 'completed');
});

for (const [kind, { start, type }] of Object.entries(KINDS)) {
	describe(kind, () => {
		test('from its creation to its results', async () => {
			const accepted = await start();
			assert.equal(accepted.status, 'queued');
			assert.equal(new URL(accepted.streamUrl).origin, new URL(server.url).origin);
			const state = await finish(kind, accepted);
			assert.equal(state.status, 'completed', JSON.stringify(state));
			assert.deepEqual([state.type, state.progress], [type, 1]);
			assert.ok(state.startTime <= state.completedTime);
			const { results } = answered(await client.GET(...job(kind, accepted, '/results')), 200, shapes.JobResultsResponse);
			assert.equal(results.length, state.totalCount);
			for (const book of results) assertShape(book, { title: 'string', authors: ['string'] });
			refused(await client.DELETE(...job(kind, accepted)), 409);
		});

		test('its stream is an event stream, for the one with the token', async () => {
			const accepted = await start();
			const { response } = await client.GET(...withBody(job(kind, accepted, '/stream')));
			assert.equal(response.status, 200);
			assert.match(response.headers.get('content-type'), /^text\/event-stream/);
			const text = await response.text();
			assert.match(text, /^event: progress$/m);
			assert.match(text, /^event: completed$/m);
			const wrong = { ...accepted, token: 'wrong' };
			refused(await client.GET(...job(kind, wrong, '/stream')), 401);
		});

		test('is canceled in the middle, and says so', async () => {
			const accepted = await start();
			refused(await client.DELETE(...job(kind, { ...accepted, token: 'wrong' })), 401);
			const state = answered(await client.DELETE(...job(kind, accepted)), 200, shapes.JobStatusResponse);
			assert.equal(state.status, 'canceled');
			assert.equal((await finish(kind, accepted)).status, 'canceled');
		});

		test('is not found under another name or kind', async () => {
			const nobody = { jobId: '00000000-0000-4000-8000-000000000000', token: 'none' };
			for (const rest of ['', '/stream', '/results']) refused(await client.GET(...job(kind, nobody, rest)), 404);
			refused(await client.DELETE(...job(kind, nobody)), 404);
			const accepted = await start();
			const other = Object.keys(KINDS).find((name) => name !== kind);
			refused(await client.GET(...job(other, accepted)), 404);
			await client.DELETE(...job(kind, accepted));
		});
	});
}

const withBody = ([path, options]) => [path, { ...options, parseAs: 'stream' }];

/** Follows a stream with the SDK's helper until it is over. */
function follow(sseUrl) {
	const progress = [];
	return new Promise((resolve, reject) => {
		const late = setTimeout(() => reject(new Error(`no end of ${sseUrl}`)), PATIENCE);
		const end = (name) => (event) => {
			clearTimeout(late);
			resolve({ name, event, progress, source });
		};
		const source = sdk.createSSEStream({
			sseUrl,
			onProgress: (event) => progress.push(event),
			onComplete: end('completed'),
			onFailed: end('failed'),
			onError: reject,
		});
	});
}

describe('createSSEStream', () => {
	for (const [kind, { start }] of Object.entries(KINDS)) {
		test(`counts the progress of ${kind}`, async () => {
			const accepted = await start();
			const { name, event, progress, source } = await follow(accepted.streamUrl);
			assert.equal(name, 'completed');
			assert.equal(source.readyState, EventSource.CLOSED);
			assertShape(event, shapes.SSEProgressEvent);
			assert.deepEqual([event.jobId, event.status, event.progress], [accepted.jobId, 'completed', 1]);
			assert.equal(event.processedCount, event.totalCount);
			assert.ok(progress.length > 1, `${progress.length} progress events`);
			let before = 0;
			for (const each of progress) {
				assertShape(each, shapes.SSEProgressEvent);
				assert.ok(each.progress >= before);
				before = each.progress;
			}
		});
	}

	test('hears that a job failed, and why', async () => {
		const accepted = await startImport('a,b\n1,2\n');
		const { name, event } = await follow(accepted.streamUrl);
		assert.equal(name, 'failed');
		assertShape(event, shapes.SSEProgressEvent);
		assertShape(event.error, { code: 'string', message: 'string' });
	});
});

/** Follows a job with the SDK's socket until it is closed. */
function connect(accepted, onProgress = () => {}) {
	const heard = { connected: false, progress: [], complete: null, errors: [] };
	return new Promise((resolve, reject) => {
		const late = setTimeout(() => reject(new Error(`no end: ${JSON.stringify(heard)}`)), PATIENCE);
		const stream = sdk.createWebSocketStream({
			websocketUrl: accepted.websocketUrl,
			authToken: accepted.authToken,
			jobId: accepted.jobId,
			onConnected: () => (heard.connected = true),
			onProgress: (message) => {
				heard.progress.push(message);
				onProgress(stream);
			},
			onComplete: (message) => (heard.complete = message),
			onError: (error) => heard.errors.push(error.message),
			onDisconnected: () => {
				clearTimeout(late);
				resolve(heard);
			},
		});
		heard.protocol = () => stream.ws.protocol;
	});
}

describe('createWebSocketStream', () => {
	for (const [kind, { start }] of Object.entries(KINDS)) {
		test(`follows ${kind} with the URL and the token as they were answered`, async () => {
			const accepted = await start();
			assertShape(accepted, { websocketUrl: shapes.uri, authToken: 'string' });
			const heard = await connect(accepted);
			assert.ok(heard.connected);
			assert.equal(heard.protocol(), accepted.authToken, 'the subprotocol is answered back');
			assert.deepEqual(heard.errors, []);
			assertShape(heard.complete, shapes.WebSocketProgressMessage);
			assert.ok(heard.progress.length > 1, `${heard.progress.length} messages of progress`);
			let before = 0;
			for (const message of heard.progress) {
				assertShape(message, shapes.WebSocketProgressMessage);
				if (message.type !== 'progress') continue;
				assertShape(message, { progress: 'number', processedCount: 'integer', totalCount: 'integer' });
				assert.ok(message.progress >= before);
				before = message.progress;
			}
		});
	}

	test('cancels', async () => {
		const accepted = await startEnrichment();
		let canceled = false;
		const heard = await connect(accepted, (stream) => {
			if (!canceled) stream.cancel();
			canceled = true;
		});
		assert.equal(heard.complete, null);
		assert.equal(heard.errors.length, 1, JSON.stringify(heard.errors));
		assert.equal((await finish('enrichment', accepted)).status, 'canceled');
	});
});

describe('EventSource', () => {
	test('ends by itself on the stream of a finished job', async () => {
		const response = await fetch(`${server.url}/api/v2/imports`, { method: 'POST', body: csv(rows(20)) });
		const { data } = await response.json();
		const source = new EventSource(`${server.url}${data.sseUrl}`);
		const events = [];
		for (const name of ['initialized', 'processing', 'completed', 'failed']) source.addEventListener(name, ({ lastEventId }) => events.push({ name, lastEventId }));
		// It reconnects after the end, is answered 204, and closes.
		await new Promise((resolve, reject) => {
			const late = setTimeout(() => reject(new Error(JSON.stringify(events))), PATIENCE);
			source.onerror = () => {
				if (source.readyState !== EventSource.CLOSED) return;
				clearTimeout(late);
				resolve();
			};
		});
		assert.equal(events.at(-1).name, 'completed');
		assert.equal(new Set(events.map((event) => event.lastEventId)).size, events.length, 'no event comes twice');
	});
});
