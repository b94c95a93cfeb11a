#!/usr/bin/env node
// @ts-nocheck: what it handles is JSON of its own.
// A server that plays the scenarios of scenarios.json, one port for each run, and judges what a client made of them.
//
//   node server.mjs             serves until its standard input ends; its first line of output is its address
//   GET  /scenarios             all scenarios, with the time limits for each
//   POST /runs/NAME             begins one: {"id", "baseURL"}
//   GET  /runs/ID/met/KIND/N    answers a little after the Nth request of a kind has come to it
//   POST /runs/ID/outcome       the client's report; the answer is {"problems": [...]}, empty when it passed

import { once } from 'node:events';
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { constants, createBrotliCompress, createDeflate, createGzip } from 'node:zlib';

const { timing, scenarios } = JSON.parse(readFileSync(new URL('scenarios.json', import.meta.url), 'utf8'));
export const JOB = '550e8400-e29b-41d4-a716-446655440000';
export const TOKEN = 'token-of-the-job';
const ROUTE = `/api/v2/imports/${JOB}`;

/** An address that nobody listens at any more. */
async function deserted() {
	const server = http.createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const { port } = server.address();
	server.close();
	return `http://127.0.0.1:${port}`;
}

/** All that a job will ever say: what a client is told of it moves it on, no clock does. */
function script({ books = 0, extra = {}, end = 'completed', progress = [0, 50, 100] } = {}) {
	const total = 150;
	const snapshot = (status, processedCount) => ({
		jobId: JOB, status, progress: processedCount / total, processedCount, totalCount: total, pipeline: 'csv_import',
		stage: { initialized: 'queued', processing: 'enriching', completed: 'complete' }[status] ?? 'error',
		message: `Enriching (${processedCount}/${total}): Cien años de soledad`, currentTitle: 'Cien años de soledad', ...extra,
	});
	const suffix = (n) => (books ? `.${n}` : '');
	const events = progress.map((count, i) => ({ id: `${i * 9 + 1}${suffix(0)}`, event: i ? 'processing' : 'initialized', data: snapshot(i ? 'processing' : 'initialized', count) }));
	const last = (progress.length - 1) * 9 + 1;
	for (let i = 0; i < books; i++) events.push({ id: `${last}.${i + 1}`, event: 'book', data: { index: i, book: bookOf(i) } });
	const id = `${last + 9}${suffix(books)}`;
	if (end === 'completed') {
		const summary = { totalProcessed: total, successCount: 145, failureCount: 5, duration: 42000 };
		events.push({ id, event: 'completed', data: { ...snapshot('completed', total), successCount: 145, failureCount: 5, resultsUrl: `${ROUTE}/results`, summary } });
	} else if (end === 'timeout') {
		events.push({ id: `${last}`, event: 'timeout', data: { error: 'timeout', message: 'No progress for 5 minutes', jobId: JOB, lastStatus: 'processing', lastProgress: 0.67 } });
	} else if (end) {
		const code = { failed: 'E_CSV_PARSE_FAILED', canceled: 'E_CANCELED' }[end];
		events.push({ id, event: 'failed', data: { ...snapshot(end, progress.at(-1)), error: { code, message: 'technical', userMessage: 'For people.', retryable: false } } });
	}
	return events;
}

const bookOf = (i, pad = 0) => ({ title: `Book ${i}`, authors: ['Some Author'], isbn: '9780743273565', enrichmentStatus: 'success', ...(pad && { description: 'x'.repeat(pad) }) });

class Run {
	#scenario;
	#server;
	#sockets = new Set();
	#events;
	/** How many of the events the client has been told, on whatever way. */
	#told = 0;
	#counts = { stream: 0, status: 0, submit: 0, preview: 0, results: 0, retry: 0, choose: 0, cancel: 0, search: 0, lookUp: 0, capabilities: 0 };
	#log = [];
	#uploads = [];
	/** Books that somebody has chosen anew. */
	#chosen = new Set();
	/** The server at another port that clients are sent to, and how many requests came there. */
	#elsewhere;
	#strayed = 0;
	/** The scenario's. */
	name;
	/** Requests whose answers are waited for or read. */
	#open = 0;

	constructor(scenario) {
		this.#scenario = scenario;
		this.name = scenario.name;
		this.#events = script(scenario.job);
		this.#told = scenario.told ?? 0;
	}

	async begin() {
		if (this.#scenario.absent) return (this.baseURL = await deserted());
		this.#server = http.createServer((request, response) => this.#answer(request, response).catch(() => response.destroy()));
		this.#server.on('connection', (socket) => {
			this.#sockets.add(socket);
			socket.requests = 0;
			socket.setNoDelay();
			socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
		});
		await this.#listen(0);
		this.port = this.#server.address().port;
		const host = this.#scenario.host ?? '127.0.0.1';
		this.#elsewhere = http.createServer((request, response) => {
			this.#strayed += 1;
			this.#answer(request, response).catch(() => response.destroy());
		});
		this.#elsewhere.listen(0, '127.0.0.1');
		await once(this.#elsewhere, 'listening');
		return (this.baseURL = `http://${host}:${this.port}${this.#scenario.slash ? '/' : ''}`);
	}

	async #listen(port) {
		for (;;) {
			this.#server.listen(port, this.#scenario.host === '[::1]' ? '::1' : '127.0.0.1');
			const error = await Promise.race([once(this.#server, 'listening').then(() => null), once(this.#server, 'error').then(([e]) => e)]);
			if (!error) return;
			await pause(10);
		}
	}

	/** As `kill -9` does: every connection breaks; and the same job at the same address some time later. */
	async #restart(ms) {
		this.#server.close();
		for (const socket of this.#sockets) socket.resetAndDestroy();
		await new Promise((resolve) => setTimeout(resolve, ms).unref());
		if (!this.over) await this.#listen(this.port);
	}

	/** Waits until so many requests of a kind have come, and a little for what the client makes of the answer. */
	async met(kind, n) {
		while (!this.over && this.#counts[kind] < n) await pause(10);
		await pause(50);
	}

	end() {
		this.over = true;
		this.#server?.close();
		this.#elsewhere?.close();
		this.#elsewhere?.closeAllConnections();
		for (const socket of this.#sockets) socket.destroy();
	}

	async #answer(request, response) {
		// A keep-alive that has run out just when it is used again.
		if (this.#scenario.stale && request.socket.requests++ > 0) return request.socket.resetAndDestroy();
		const { pathname: path, searchParams } = new URL(request.url, 'http://host');
		const pathname = path.replace(/^(\/moved)+/, '');
		if (pathname === '/login') return response.writeHead(200, { 'Content-Type': 'text/html' }).end('<h1>Log in</h1>');
		const kind = this.#kind(request.method, pathname);
		const resume = request.headers['last-event-id'] ?? '';
		this.#log.push({ kind, at: performance.now(), resume, etag: request.headers['if-none-match'] ?? '', token: request.headers.authorization ?? '', books: searchParams.get('books') });
		this.#open += 1;
		response.on('close', () => (this.#open -= 1));
		const plans = (kind && this.#scenario[kind]) ?? [{}];
		const plan = plans[Math.min(kind ? this.#counts[kind]++ : 0, plans.length - 1)];
		const pieces = [];
		// Else before the body was sent; what still comes of it is thrown away.
		if (plan.early) linger(request, response);
		else for await (const piece of request) pieces.push(piece);
		if (['submit', 'preview', 'retry', 'choose', 'search', 'lookUp'].includes(kind)) {
			this.#uploads.push({ key: request.headers['idempotency-key'] ?? '', type: request.headers['content-type'] ?? '', mapping: request.headers['x-import-mapping'], query: Object.fromEntries(searchParams), body: Buffer.concat(pieces).toString('latin1') });
		}
		if (!kind) return refuse(response, { status: 404, code: 'NOT_FOUND' });
		if (plan.restart) return this.#restart(plan.restart);
		if (plan.silent) return;
		if (plan.cut) return request.socket.resetAndDestroy();
		if (plan.redirect) {
			if (plan.nowhere) return response.writeHead(plan.redirect).end();
			const { to = plan.elsewhere ? 'http://127.0.0.1:{elsewhere}{url}' : '/moved{url}' } = plan;
			const parts = { elsewhere: this.#elsewhere.address().port, port: this.port, url: request.url, last: path.split('/').at(-1) };
			return response.writeHead(plan.redirect, { Location: to.replace(/\{(\w+)\}/g, (_, name) => parts[name]) }).end();
		}
		if (plan.hints) {
			response.writeProcessing();
			response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' });
		}
		if (plan.encoding) encode(response, plan.encoding, request.headers['accept-encoding']);
		if (plan.framing) frame(response, plan);
		for (const index of plan.chosen ?? []) this.#chosen.add(index);
		if (plan.page !== undefined) return response.writeHead(plan.status ?? 200, { 'Content-Type': plan.type ?? 'text/html', ...(plan.early && { Connection: 'close' }), ...later(plan) }).end(plan.page);
		if (plan.status === 204) return response.writeHead(204).end();
		if (plan.status) return refuse(response, plan, request.headers.accept);
		await { stream: () => this.#stream(response, plan, resume), status: () => this.#status(request, response, plan), submit: () => this.#submit(response), preview: () => this.#preview(response), results: () => (searchParams.has('only') ? this.#rows(response, searchParams) : this.#results(response, searchParams, plan)), retry: () => this.#retry(request, response), choose: () => this.#choose(request, response, pathname), cancel: () => this.#cancel(request, response), search: () => this.#search(response, searchParams), lookUp: () => this.#lookUp(response), capabilities: () => this.#capabilities(response) }[kind]();
	}

	#kind(method, path) {
		if (method === 'POST' && ['/api/v2/imports', '/api/batch-scan', '/api/batch-enrich'].includes(path)) return 'submit';
		if (method === 'POST' && path === '/api/v2/imports/preview') return 'preview';
		if (method === 'POST' && path === `${ROUTE}/retry`) return 'retry';
		if (method === 'PUT' && path.startsWith(`${ROUTE}/books/`)) return 'choose';
		if (method === 'DELETE' && ['/v1/jobs/', '/api/v2/imports/'].some((route) => path === route + JOB)) return 'cancel';
		if (method === 'POST' && path === '/api/v2/books/enrich') return 'lookUp';
		if (method !== 'GET') return null;
		return { [ROUTE]: 'status', [`${ROUTE}/stream`]: 'stream', [`${ROUTE}/results`]: 'results', '/api/v2/search': 'search', '/api/v2/capabilities': 'capabilities' }[path] ?? null;
	}

	async #stream(response, plan, resume) {
		const { then = 'cut', retry = 20, chunk = 0, eol = '\n', comment = true, type = 'text/event-stream; charset=utf-8' } = plan;
		response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-cache' });
		response.flushHeaders();
		const write = async (text) => {
			const bytes = Buffer.from(text.replaceAll('\n', eol));
			for (let at = 0; at < bytes.length; at += chunk || bytes.length) {
				response.write(bytes.subarray(at, at + (chunk || bytes.length)));
				// Else several small pieces travel as one.
				if (chunk) await pause(1);
			}
		};
		const leave = (how) => (how === 'cut' ? response.socket?.destroy() : how === 'close' && response.end());
		if (plan.mute) return;
		if (plan.empty) return pause(20).then(() => leave('cut'));
		await write(`${plan.mark ? '\ufeff' : ''}${retry === null ? '' : `retry: ${retry}\n\n`}${comment ? ': heartbeat\n\n' : ''}`);
		if (plan.raw) {
			await write(plan.raw);
			await pause(20);
			return leave(plan.then);
		}
		for (let n = 0; n < (plan.heartbeats ?? 0); n++) {
			await pause(plan.every);
			await write(': heartbeat\n\n');
		}
		// As a store that was emptied would: the same events under smaller numbers.
		const events = plan.anew ? this.#events.map((one, n) => ({ ...one, id: one.id.replace(/^\d+/, String(n + 1)) })) : this.#events;
		const at = events.findIndex(({ id }) => id === resume);
		// A server, or something between, that repeats what the client has.
		let next = plan.again ? Math.max(0, at + 1 - plan.again) : at + 1;
		// Without an id a stream begins with the job as it is; books are all told.
		if (at < 0 && !this.#scenario.job?.books) next = Math.max(this.#told - 1, 0);
		if (plan.long) await write(`: ${'x'.repeat(plan.long)}\n`);
		for (let sent = 0; next < events.length; next += 1, sent += 1) {
			if (sent === plan.events) {
				if (then === 'hang') return;
				// Once it has its event, and before the cut: `retry` as the server gives notice of it.
				if (plan.soon) await write(`retry: ${plan.soon}\n\n`);
				if (plan.tail) await write(plan.tail);
				await pause(20);
				return leave(then);
			}
			const { id, event, data } = events[next];
			const json = plan.lines ? JSON.stringify(data, null, 1).replaceAll('\n', '\ndata: ') : plan.utf8 ? JSON.stringify(data) : ascii(data);
			await write(`${plan.noise ?? ''}id: ${id}\nevent: ${event}\ndata: ${json}\n\n`);
			this.#told = Math.max(this.#told, next + 1);
		}
		if (!plan.linger) response.end();
	}

	/** Each state is told once, then once more as 304, then the job goes on. */
	#status(request, response, plan) {
		if (plan.data !== undefined) return response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ success: true, data: plan.data }));
		const snapshots = this.#events.filter(({ event }) => event !== 'book');
		const told = this.#events.slice(0, this.#told).filter(({ event }) => event !== 'book').length;
		// A cache between may still have what was before.
		const at = Math.max(told - 1 - (plan.old ?? 0), 0);
		const etag = `${plan.weak ? 'W/' : ''}"${at}"`;
		const headers = { 'Content-Type': 'application/json', ETag: etag, ...later({ retryAfter: 0, ...plan }) };
		if (request.headers['if-none-match'] === etag) {
			const next = snapshots[Math.min(at + 1, snapshots.length - 1)];
			this.#told = Math.max(this.#told, this.#events.indexOf(next) + 1);
			return response.writeHead(304, headers).end();
		}
		this.#told = Math.max(this.#told, this.#events.indexOf(snapshots[at]) + 1);
		response.writeHead(200, headers).end(JSON.stringify(success(snapshots[at].data)));
	}

	#submit(response, more = {}) {
		const data = { jobId: JOB, authToken: TOKEN, token: TOKEN, status: 'initialized', pipeline: 'csv_import', sseUrl: `${ROUTE}/stream`, statusUrl: ROUTE, resultsUrl: `${ROUTE}/results`, websocketUrl: `/ws/progress?jobId=${JOB}`, message: 'started', ...more };
		response.writeHead(202, { 'Content-Type': 'application/json' }).end(JSON.stringify(success(data)));
	}

	#preview(response) {
		const columns = [{ name: 'Título', field: 'title', certainty: 'certain', filled: 2, samples: ['Duna', 'Ubik'] }, { name: 'Notiz', field: null, filled: 1, samples: ['verliehen'] }];
		const reading = { encoding: 'UTF-8', encodingGuessed: false, delimiter: ';', headerRow: 1, repaired: 0, uncertain: true, columns };
		const data = { rows: 2, booksFound: 2, duplicatesMerged: 0, rowsRejected: 0, uncertain: true, reading, books: [bookOf(0), bookOf(1)], errors: [], lookups: { byNumber: 0, byTitle: 2, requests: 2, seconds: 1 }, fields: ['title', 'author'] };
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(success(data)));
	}

	#results(response, query, { stuck }) {
		const { books = 0, pad } = this.#scenario.job ?? {};
		const all = Array.from({ length: books }, (_, i) => bookOf(this.#chosen.has(i) ? 100 + i : i, pad));
		const offset = Number(query.get('offset') ?? 0);
		const end = query.has('limit') ? Math.min(all.length, offset + Number(query.get('limit'))) : all.length;
		const page = query.has('limit') || query.has('offset') ? { total: all.length, ...(end < all.length && { nextOffset: stuck ? offset : end }) } : {};
		const data = { jobId: JOB, status: 'completed', booksCreated: all.length, booksUpdated: 0, duplicatesSkipped: 0, enrichmentSucceeded: all.length - Math.min(all.length, 5) + this.#chosen.size, enrichmentFailed: 0, errors: [], rows: all.length, rowsRejected: 0, books: all.slice(offset, end) };
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ success: true, data, metadata: { timestamp: '2026-01-31T09:15:02.125Z', processingTime: 3, ...page } }));
	}

	/** The first book was not found, the second has a remark. */
	#rows(response, query) {
		const rows = [
			{ kind: 'not_found', row: 2, index: 0, problem: 'Not found in any catalogue', cells: ['Book 0, "again"', 'Née'] },
			{ kind: 'warning', row: 3, index: 1, problem: 'No year', cells: ['Book 1', ''] },
		].filter(({ kind }) => query.get('only').split(',').some((only) => only.startsWith(kind)));
		if (query.get('format') === 'csv') {
			const cell = (text) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
			const table = [['Import row', 'Import problem', 'Title', 'Note'], ...rows.map(({ row, problem, cells }) => [String(row), problem, ...cells])];
			return response.writeHead(200, { 'Content-Type': 'text/csv; charset=utf-8' }).end(table.map((line) => `${line.map(cell).join(',')}\r\n`).join(''));
		}
		response.writeHead(200, { 'Content-Type': 'application/vnd.bookstrack.rows+json' }).end(JSON.stringify(success({ jobId: JOB, status: 'completed', columns: ['Title', 'Note'], rows })));
	}

	#retry(request, response) {
		if (request.headers.authorization !== `Bearer ${TOKEN}`) return refuse(response, { status: 401, code: 'UNAUTHORIZED' });
		this.#submit(response, this.#scenario.photosToSend && { photosToSend: this.#scenario.photosToSend });
	}

	/** Two hits on the page that is asked for. */
	#search(response, query) {
		const results = [0, 1].map((n) => ({ isbn: n ? '' : '9780439708180', title: `Book ${n}`, authors: ['A. Writer'], cover_url: 'https://covers.example.org/1.jpg', relevance_score: 1 / (n + 1), match_type: 'text' }));
		const data = { works: [], editions: [], authors: [], resultCount: 2, totalResults: 22, results, total: 22, mode: 'text', query: query.get('q'), latency_ms: 1, success: true };
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(success(data)));
	}

	#lookUp(response) {
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(success({ ...bookOf(0), success: true, work: {}, edition: {}, authorDetails: [] })));
	}

	#capabilities(response) {
		const features = { metadataProviders: ['openlibrary'], visionProviders: ['barcode', 'spines'], transports: ['sse', 'polling'], sandbox: false, novelty: [1] };
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(success({ version: '1.0.0', features, limits: { maxPhotos: 2, maxCsvBytes: 8000000, confidenceThreshold: 0.6, novelty: { list: ['x'] } } })));
	}

	#choose(request, response, path) {
		if (request.headers.authorization !== `Bearer ${TOKEN}`) return refuse(response, { status: 401, code: 'UNAUTHORIZED' });
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(success({ ...bookOf(Number(path.split('/').at(-1))), choice: 'candidate' })));
	}

	#cancel(request, response) {
		if (request.headers.authorization !== `Bearer ${TOKEN}`) return refuse(response, { status: 401, code: 'UNAUTHORIZED' });
		const data = { jobId: JOB, status: 'canceled', message: 'Job canceled', processedCount: 50, totalCount: 150, cleanup: { uploadsDeleted: 1, r2ObjectsDeleted: 1, kvCacheCleared: true } };
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(success(data)));
	}

	/** What is wrong with what a client reports: {progress, end, books, error, lost, transports}. */
	async judge(outcome) {
		const { expect } = this.#scenario;
		const problems = [];
		if (expect.closed) {
			for (let tries = 0; this.#open && tries < 200; tries++) await pause(20);
			if (this.#open) problems.push('an answer is still waited for or read');
		}
		const same = (what, got, wanted) => {
			if (JSON.stringify(got) !== JSON.stringify(wanted)) problems.push(`${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`);
		};
		const streams = this.#log.filter(({ kind }) => kind === 'stream');
		const polls = this.#log.filter(({ kind }) => kind === 'status');
		// To hear the same twice is no harm; to hear less than before is.
		if ('progress' in expect) same('progress', outcome.progress.filter((count, i, all) => count !== all[i - 1]), expect.progress);
		same('end', outcome.end ?? null, expect.end ?? null);
		if ('books' in expect) same('books', outcome.books, Array.from({ length: expect.books - (expect.booksFrom ?? 0) }, (_, i) => i + (expect.booksFrom ?? 0)));
		if ('titles' in expect) same('titles', outcome.books, expect.titles);
		if (this.#strayed) problems.push(`another server was asked ${this.#strayed} times`);
		if (expect.error) for (const [key, value] of Object.entries(expect.error)) {
			const got = outcome.error?.[key] ?? null;
			// Several: what systems say differs.
			same(`error.${key}`, got, Array.isArray(value) && value.includes(got) ? got : value);
		}
		else same('error', outcome.error ?? null, null);
		const names = expect.names?.replace('{elsewhere}', `http://127.0.0.1:${this.#elsewhere.address().port}/`);
		if (names && !outcome.error?.message?.includes(names)) problems.push(`the error does not name ${names}: ${outcome.error?.message}`);
		if ('found' in expect) same('found', outcome.found, expect.found);
		if ('lost' in expect) same('lost', Boolean(outcome.lost), expect.lost);
		if ('transports' in expect) same('transports', outcome.transports, expect.transports);
		if ('resumed' in expect) same('streams opened after', streams.map(({ resume }) => resume), expect.resumed);
		if ('streams' in expect) same('streams opened', streams.length, expect.streams);
		if ('polls' in expect && (expect.polls === 0) !== (polls.length === 0)) problems.push(`${polls.length} polls`);
		if (expect.conditional && !polls.some(({ etag }) => etag)) problems.push('no poll had If-None-Match');
		for (const { kind, at, least, most } of expect.gaps ?? []) {
			const times = this.#log.filter((entry) => entry.kind === kind).map((entry) => entry.at);
			const gap = times[at] - times[at - 1];
			if (!(gap >= least && gap <= most)) problems.push(`${kind} ${at} came ${Math.round(gap)} ms after the one before, not ${least} to ${most} ms`);
		}
		if (expect.keys) {
			const keys = this.#uploads.map(({ key }) => key);
			if (keys.length !== expect.keys.length) problems.push(`${keys.length} uploads instead of ${expect.keys.length}`);
			same('keys', keys.map((key) => (key ? keys.indexOf(key) : null)), expect.keys);
		}
		for (const [i, { type, body = [], mapping, query }] of (expect.uploads ?? []).entries()) {
			const upload = this.#uploads[i] ?? { type: '', body: '' };
			if (query) same('query', upload.query, query);
			if (expect.key) same('key', upload.key, expect.key);
			if (mapping) same('mapping', JSON.parse(upload.mapping ?? 'null'), mapping);
			if (/[^\x20-\x7e]/.test(upload.mapping ?? '')) problems.push(`a header that is not ASCII: ${upload.mapping}`);
			if (!new RegExp(type).test(upload.type)) problems.push(`upload of type ${upload.type}`);
			for (const part of [body].flat()) if (!new RegExp(part, 'i').test(upload.body)) problems.push(`an upload without ${part}: ${upload.body.slice(0, 300)}`);
		}
		return problems;
	}
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ENCODERS = {
	gzip: () => createGzip({ flush: constants.Z_SYNC_FLUSH }),
	deflate: () => createDeflate({ flush: constants.Z_SYNC_FLUSH }),
	br: () => createBrotliCompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
};

/** Has an answer go out encoded, each write for itself. A request that names no encodings is content with any. */
function encode(response, encoding, taken = encoding) {
	if (!taken.includes(encoding)) return;
	const encoder = ENCODERS[encoding]();
	const [write, end, writeHead] = ['write', 'end', 'writeHead'].map((name) => response[name].bind(response));
	encoder.on('data', (bytes) => write(bytes)).on('end', () => end());
	response.writeHead = (status, headers) => writeHead(status, { ...headers, 'Content-Encoding': encoding, Vary: 'Accept-Encoding' });
	response.write = (bytes) => encoder.write(bytes);
	response.end = (bytes) => encoder.end(bytes);
}

/**
 * Says in another way where an answer ends: in chunks with trailers behind them, with the connection, or by a length
 * that is wrong by so many bytes.
 */
function frame(response, { framing }) {
	const [write, end, writeHead] = ['write', 'end', 'writeHead'].map((name) => response[name].bind(response));
	if (framing === 'trailers') {
		response.writeHead = (status, headers) => writeHead(status, { ...headers, Trailer: 'X-Checksum, Set-Cookie', 'Transfer-Encoding': 'chunked' });
		response.end = (bytes) => {
			if (bytes) write(bytes);
			response.addTrailers({ 'X-Checksum': 'abc', 'Set-Cookie': 'a=b' });
			return end();
		};
	} else if (framing === 'connection') {
		response.useChunkedEncodingByDefault = false;
		response.end = (bytes) => {
			if (bytes) write(bytes);
			return end();
		};
	} else {
		let head;
		response.writeHead = (...all) => ((head = all), response);
		response.end = (text) => {
			const bytes = Buffer.from(text ?? '');
			const [status, headers] = head;
			writeHead(status, { ...headers, 'Content-Length': bytes.length + framing });
			if (framing < 0) return end(bytes.subarray(0, framing));
			write(bytes, () => pause(20).then(() => response.destroy()));
		};
	}
}

const success = (data) => ({ success: true, data, metadata: { timestamp: '2026-01-31T09:15:02.125Z', processingTime: 3 } });
const ascii = (data) => JSON.stringify(data).replace(/[^\x00-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** Has an answer end when all of its request has come, as proxies do: else the client may find its connection reset. */
function linger(request, response) {
	const [write, end, writeHead] = ['write', 'end', 'writeHead'].map((name) => response[name].bind(response));
	let head;
	response.writeHead = (...all) => ((head = all), response);
	response.end = (text) => {
		const [status, headers] = head;
		writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(text) });
		write(text);
		request.on('end', () => end()).resume();
	};
}

/** `Retry-After` in seconds or, with `date`, as the time of a server whose clock is so many hours ahead. */
function later({ retryAfter, date }) {
	if (retryAfter === undefined) return {};
	if (!date) return { 'Retry-After': String(retryAfter) };
	const at = (seconds) => new Date(Date.now() + (date * 3600 + seconds) * 1000).toUTCString();
	return { Date: at(0), 'Retry-After': at(retryAfter) };
}

function refuse(response, plan, accept = '') {
	const { status, code, retryable = false, bare = false, asEvent = false } = plan;
	const headers = { ...later(plan), ...(plan.early && { Connection: 'close' }) };
	if (bare) return response.writeHead(status, { ...headers, 'Content-Type': 'text/plain' }).end('no');
	const error = { code, message: `Refused: ${code}`, retryable, details: {} };
	if (asEvent && accept.includes('text/event-stream')) {
		return response.writeHead(status, { ...headers, 'Content-Type': 'text/event-stream' }).end(`event: failed\ndata: ${JSON.stringify({ jobId: JOB, error })}\n\n`);
	}
	response.writeHead(status, { ...headers, 'Content-Type': 'application/json' }).end(JSON.stringify({ success: false, data: null, error, metadata: { timestamp: '2026-01-31T09:15:02.125Z' } }));
}

/** Starts the server; `close` ends it and all runs. */
export async function start() {
	const runs = [];
	const loopback6 = Object.values(networkInterfaces()).flat().some(({ address }) => address === '::1');
	const playable = scenarios.filter(({ host }) => host !== '[::1]' || loopback6);
	const json = (response, value) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
	const server = http.createServer(async (request, response) => {
		const [, what, name, more, kind, n] = decodeURIComponent(request.url).split('/');
		if (request.method === 'GET' && what === 'scenarios') {
			return json(response, playable.map((scenario) => ({ do: 'watch', mode: 'auto', books: false, pageSize: 20, ...scenario, timing: { ...timing, ...scenario.timing } })));
		}
		if (more === 'outcome') {
			let text = '';
			for await (const piece of request) text += piece;
			const run = runs[Number(name)];
			const problems = await run.judge(JSON.parse(text));
			run.end();
			const { CONFORMANCE_TABLE: table, CONFORMANCE_CLIENT: client } = process.env;
			if (table) appendFileSync(table, `${JSON.stringify({ client, name: run.name, passed: !problems.length })}\n`);
			return json(response, { problems });
		}
		if (more === 'met') {
			await runs[Number(name)].met(kind, Number(n));
			return json(response, {});
		}
		const scenario = scenarios.find((one) => one.name === name);
		if (what !== 'runs' || !scenario) return response.writeHead(404).end();
		const run = new Run(scenario);
		const id = runs.push(run) - 1;
		json(response, { id: String(id), baseURL: await run.begin(), job: { id: JOB, token: scenario.token ?? TOKEN, lastEventId: scenario.after ?? null } });
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	return {
		url: `http://127.0.0.1:${server.address().port}`,
		close() {
			for (const run of runs) run.end();
			server.close();
			server.closeAllConnections();
		},
	};
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const { url } = await start();
	console.log(url);
	process.stdin.resume().on('end', () => process.exit(0));
}
