// The scenarios that all clients share: ../../conformance.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { BookstrackClient, BookstrackError, Refused } from '../src/index.js';
import { start } from '../../conformance/server.mjs';

const CSV = 'Title,Author\nBabel,R. F. Kuang\n';
const MAPPING = { Título: 'title' };
// More than buffers between here and there take.
const LARGE = 6 << 20;
const PHOTOS = ['one\r\n', 'two\r\n'].map((text) => new Blob([new Uint8Array([0xff, 0xd8]), text], { type: 'image/jpeg' }));

/** @type {Awaited<ReturnType<typeof start>>} */
const server = await start();
after(() => server.close());

/** @param {string} path @param {RequestInit} [request] */
const ask = async (path, request) => (await fetch(server.url + path, request)).json();

const scenarios = await ask('/scenarios');

// Most of the time is spent waiting.
describe('every scenario comes out as it should', { concurrency: 6 }, () => {
	for (const scenario of scenarios) {
		test(scenario.name, { timeout: 60_000 }, async () => {
			const { id, baseURL, job } = await ask(`/runs/${encodeURIComponent(scenario.name)}`, { method: 'POST' });
			const client = new BookstrackClient(baseURL, { mode: scenario.mode, timing: scenario.timing });
			const outcome = await outcomeOf(client, scenario, job, (count) => ask(`/runs/${id}/met/${count.replace(' ', '/')}`));
			const { problems } = await ask(`/runs/${id}/outcome`, { method: 'POST', body: JSON.stringify(outcome) });
			assert.deepEqual(problems, [], JSON.stringify(outcome));
		});
	}
});

/**
 * @param {BookstrackClient} client
 * @param {{ do: string, books: boolean, pageSize: number, abortWhen?: string }} scenario
 * @param {import('../src/index.js').Job} job
 * @param {(count: string) => Promise<unknown>} met waits until so many requests of a kind have come
 */
async function outcomeOf(client, { do: what, books, pageSize, abortWhen }, job, met) {
	const outcome = /** @type {{ progress: number[], end: string | null, books: number[], error: any, lost: boolean, transports: string[], found?: number }} */ ({ progress: [], end: null, books: [], error: null, lost: false, transports: [] });
	const control = new AbortController();
	const { signal } = control;
	if (abortWhen) met(abortWhen).then(() => control.abort());
	try {
		if (what === 'cancel') outcome.end = (await client.cancel(job)).status;
		else if (what === 'status') outcome.progress = [(await client.status(job)).processedCount];
		else if (what === 'results' || what === 'whole results') {
			const results = await client.results(job, what === 'results' ? { pageSize } : {});
			outcome.books = results.books.map(({ title }) => Number(title.split(' ')[1]));
			if ('enrichmentSucceeded' in results) outcome.found = results.enrichmentSucceeded;
		}
		else if (what === 'preview') outcome.books = (await client.preview({ csv: CSV, mapping: MAPPING })).books.map(({ title }) => Number(title.split(' ')[1]));
		else if (what === 'search') outcome.books = (await client.search('Book & café, 100 %', { page: 2 })).results.map(({ title }) => Number(title.split(' ')[1]));
		else if (what === 'look up') outcome.books = [Number((await client.lookUp('9780439708180')).title.split(' ')[1])];
		else if (what === 'capabilities') outcome.books = [...Array((await client.capabilities()).limits.maxPhotos).keys()];
		else if (what === 'choose') outcome.books = [Number((await client.choose(job, 0, { candidate: 1 })).title.split(' ')[1])];
		else if (what === 'rows') outcome.books = (await client.rows(job, ['not_found', 'warnings'])).rows.map(({ index }) => Number(index));
		else if (what === 'rows csv') outcome.books = [...(await client.rowsCsv(job, ['not_found', 'warnings'])).matchAll(/Book (\d+)/g)].map(([, n]) => Number(n));
		else {
			if (what === 'retry') {
				const { photosToSend = [], ...retried } = await client.retry(job, { only: ['not_found'] });
				[job, outcome.books] = [retried, photosToSend];
			}
			if (what === 'submit named books') job = await client.submit({ books: [{ title: 'Babel', author: 'R. F. Kuang' }] }, { key: 'mine', clientRef: 'phone 7 & é' });
			if (what === 'submit mapped csv') job = await client.submit({ csv: CSV, mapping: MAPPING });
			if (what === 'submit in the background') job = await client.submit({ csv: CSV, mapping: MAPPING }, { key: 'mine', clientRef: 'phone 7 & é' });
			if (what === 'submit a photo in the background') job = await client.submit({ photos: PHOTOS.slice(0, 1) }, { key: 'mine', keepFailedPhotos: true });
			if (what === 'submit large csv') job = await client.submit({ csv: 'x'.repeat(LARGE) });
			if (what === 'submit csv') job = await client.submit({ csv: CSV });
			if (what === 'submit photos') job = await client.submit({ photos: PHOTOS }, { keepFailedPhotos: true, signal });
			if (what === 'submit books') job = await client.submit({ books: ['9780439708180'] });
			for await (const update of client.updates(job, { books, signal })) {
				if (update.type === 'book') outcome.books.push(update.index);
				else if (update.type === 'using') outcome.transports.push(update.transport);
				else if (update.type === 'lost') outcome.lost = true;
				else if (update.type === 'timeout') outcome.end = 'timeout';
				else {
					outcome.progress.push(update.snapshot.processedCount);
					if (update.type !== 'progress') outcome.end = update.snapshot.status;
					if (what === 'leave') break;
					if (what === 'abort') setTimeout(() => control.abort(), 20);
				}
			}
		}
	} catch (error) {
		if (signal.aborted && error instanceof DOMException && error.name === 'AbortError') return outcome;
		if (!(error instanceof BookstrackError)) throw error;
		outcome.error = { kind: error.kind, message: error.message, ...(error instanceof Refused && { status: error.status, code: error.code, retryAfter: error.retryAfter }) };
	}
	return outcome;
}
