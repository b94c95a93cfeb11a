#!/usr/bin/env node
// @ts-nocheck: what it handles is JSON of its own.
// A server that plays the scenarios of scenarios.json, one port for each run, and judges what a client made of them.
//
//   node server.mjs             serves until its standard input ends; its first line of output is its address
//   GET  /scenarios             all scenarios, with the time limits for each
//   POST /runs/NAME             begins one: {"id", "baseURL"}
//   POST /runs/ID/outcome       the client's report; the answer is {"problems": [...]}, empty when it passed

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

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
	/** Streams that are being read. */
	#open = 0;

	constructor(scenario) {
		this.#scenario = scenario;
		this.#events = script(scenario.job);
		this.#told = scenario.told ?? 0;
	}

	async begin() {
		if (this.#scenario.absent) return (this.baseURL = await deserted());
		this.#server = http.createServer((request, response) => this.#answer(request, response).catch(() => response.destroy()));
		this.#server.on('connection', (socket) => {
			this.#sockets.add(socket);
			socket.setNoDelay();
			socket.on('close', () => this.#sockets.delete(socket)).on('error', () => {});
		});
		await this.#listen(0);
		this.port = this.#server.address().port;
		return (this.baseURL = `http://127.0.0.1:${this.port}`);
	}

	async #listen(port) {
		for (;;) {
			this.#server.listen(port, '127.0.0.1');
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

	end() {
		this.over = true;
		this.#server?.close();
		for (const socket of this.#sockets) socket.destroy();
	}

	async #answer(request, response) {
		const { pathname, searchParams } = new URL(request.url, 'http://host');
		const kind = this.#kind(request.method, pathname);
		const resume = request.headers['last-event-id'] ?? '';
		this.#log.push({ kind, at: performance.now(), resume, etag: request.headers['if-none-match'] ?? '', token: request.headers.authorization ?? '', books: searchParams.get('books') });
		const pieces = [];
		for await (const piece of request) pieces.push(piece);
		if (['submit', 'preview', 'retry', 'choose', 'search', 'lookUp'].includes(kind)) {
			this.#uploads.push({ key: request.headers['idempotency-key'] ?? '', type: request.headers['content-type'] ?? '', mapping: request.headers['x-import-mapping'], query: Object.fromEntries(searchParams), body: Buffer.concat(pieces).toString('latin1') });
		}
		if (!kind) return refuse(response, { status: 404, code: 'NOT_FOUND' });
		const plans = this.#scenario[kind] ?? [{}];
		const plan = plans[Math.min(this.#counts[kind]++, plans.length - 1)];
		if (plan.restart) return this.#restart(plan.restart);
		if (plan.silent) return;
		if (plan.cut) return request.socket.resetAndDestroy();
		if (plan.page !== undefined) return response.writeHead(plan.status ?? 200, { 'Content-Type': plan.type ?? 'text/html' }).end(plan.page);
		if (plan.status === 204) return response.writeHead(204).end();
		if (plan.status) return refuse(response, plan, request.headers.accept);
		await { stream: () => this.#stream(response, plan, resume), status: () => this.#status(request, response, plan), submit: () => this.#submit(response), preview: () => this.#preview(response), results: () => (searchParams.has('only') ? this.#rows(response, searchParams) : this.#results(response, searchParams)), retry: () => this.#retry(request, response), choose: () => this.#choose(request, response, pathname), cancel: () => this.#cancel(request, response), search: () => this.#search(response, searchParams), lookUp: () => this.#lookUp(response), capabilities: () => this.#capabilities(response) }[kind]();
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
		this.#open += 1;
		response.on('close', () => (this.#open -= 1));
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
		await write(`${plan.mark ? '\ufeff' : ''}retry: ${retry}\n\n${comment ? ': heartbeat\n\n' : ''}`);
		if (plan.raw) {
			await write(plan.raw);
			await pause(20);
			return leave(plan.then);
		}
		for (let n = 0; n < (plan.heartbeats ?? 0); n++) {
			await pause(plan.every);
			await write(': heartbeat\n\n');
		}
		const at = this.#events.findIndex(({ id }) => id === resume);
		// A server, or something between, that repeats what the client has.
		let next = plan.again ? Math.max(0, at + 1 - plan.again) : at + 1;
		// Without an id a stream begins with the job as it is; books are all told.
		if (at < 0 && !this.#scenario.job?.books) next = Math.max(this.#told - 1, 0);
		for (let sent = 0; next < this.#events.length; next += 1, sent += 1) {
			if (sent === plan.events) {
				if (then === 'hang') return;
				// Once it has its event, and before the cut: `retry` as the server gives notice of it.
				if (plan.soon) await write(`retry: ${plan.soon}\n\n`);
				await pause(20);
				return leave(then);
			}
			const { id, event, data } = this.#events[next];
			await write(`${plan.noise ?? ''}id: ${id}\nevent: ${event}\ndata: ${plan.utf8 ? JSON.stringify(data) : ascii(data)}\n\n`);
			this.#told = Math.max(this.#told, next + 1);
		}
		response.end();
	}

	/** Each state is told once, then once more as 304, then the job goes on. */
	#status(request, response, plan) {
		const snapshots = this.#events.filter(({ event }) => event !== 'book');
		const told = this.#events.slice(0, this.#told).filter(({ event }) => event !== 'book').length;
		const at = Math.max(told - 1, 0);
		const etag = `"${at}"`;
		const headers = { 'Content-Type': 'application/json', ETag: etag, 'Retry-After': String(plan.retryAfter ?? 0) };
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
		const columns = [{ name: 'Título', field: 'title', certainty: 'certain', filled: 2 }, { name: 'Notiz', field: null, filled: 1 }];
		const reading = { encoding: 'UTF-8', encodingGuessed: false, delimiter: ';', headerRow: 1, repaired: 0, uncertain: true, columns };
		const data = { rows: 2, booksFound: 2, duplicatesMerged: 0, rowsRejected: 0, uncertain: true, reading, books: [bookOf(0), bookOf(1)], errors: [], lookups: { byNumber: 0, byTitle: 2, requests: 2, seconds: 1 }, fields: ['title', 'author'] };
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(success(data)));
	}

	#results(response, query) {
		const { books = 0, pad } = this.#scenario.job ?? {};
		const all = Array.from({ length: books }, (_, i) => bookOf(i, pad));
		const offset = Number(query.get('offset') ?? 0);
		const end = query.has('limit') ? Math.min(all.length, offset + Number(query.get('limit'))) : all.length;
		const page = query.has('limit') || query.has('offset') ? { total: all.length, ...(end < all.length && { nextOffset: end }) } : {};
		const data = { jobId: JOB, status: 'completed', booksCreated: all.length, booksUpdated: 0, duplicatesSkipped: 0, enrichmentSucceeded: all.length, enrichmentFailed: 0, errors: [], rows: all.length, rowsRejected: 0, books: all.slice(offset, end) };
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
		response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(success({ version: '1.0.0', features, limits: { maxPhotos: 2, maxCsvBytes: 8000000, confidenceThreshold: 0.6 } })));
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
			if (this.#open) problems.push('the stream is still being read');
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
		if (expect.error) for (const [key, value] of Object.entries(expect.error)) same(`error.${key}`, outcome.error?.[key] ?? null, value);
		else same('error', outcome.error ?? null, null);
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
const success = (data) => ({ success: true, data, metadata: { timestamp: '2026-01-31T09:15:02.125Z', processingTime: 3 } });
const ascii = (data) => JSON.stringify(data).replace(/[^\x00-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

function refuse(response, { status, code, retryAfter, retryable = false, bare = false, asEvent = false }, accept = '') {
	const headers = retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) };
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
	const json = (response, value) => response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
	const server = http.createServer(async (request, response) => {
		const [, what, name, more] = decodeURIComponent(request.url).split('/');
		if (request.method === 'GET' && what === 'scenarios') {
			return json(response, scenarios.map((scenario) => ({ do: 'watch', mode: 'auto', books: false, pageSize: 20, ...scenario, timing: { ...timing, ...scenario.timing } })));
		}
		if (more === 'outcome') {
			let text = '';
			for await (const piece of request) text += piece;
			const run = runs[Number(name)];
			const problems = await run.judge(JSON.parse(text));
			run.end();
			return json(response, { problems });
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
