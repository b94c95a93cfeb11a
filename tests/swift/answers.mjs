#!/usr/bin/env node
// Collects what the running application answers to the shipped apps, by the names that the Swift decoders' table has:
//
//   node --experimental-websocket answers.mjs FILE
//
// It runs against target/release/host with its stand-ins; BOOKSTRACK_HOST names another.
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { Server } from '../browser/server.js';

const SHELF = await readFile(new URL('../data/bookshelf-13.jpg', import.meta.url));
const CSV = 'Title,Author,ISBN13,My Rating,Exclusive Shelf\nBabel,R. F. Kuang,9780063021426,4,read\nThe Great Gatsby,F. Scott Fitzgerald,9780743273565,5,to-read\nNobody Knows This,Nobody,,,\n,Nobody,,,\nEmma,Jane Austen,123,,\n';
const ISBNS = ['9780743273565', '9780439708180'];
// A blank wall: nothing can be read from it.
const WALL = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAKklEQVR42u3MQREAAAwCIPunNYIh9ttBANKjCAQCgUAgEAgEAoFAIPgeDDTJAOKBqtZEAAAAAElFTkSuQmCC', 'base64');

const answers = {};
const add = (name, value) => (answers[name] ??= []).push(value);

/** Asks; with a name, notes the answer under it. */
async function ask(server, name, status, path, { method = 'POST', json, csv, photo, headers = {} } = {}) {
	const types = json ? { 'Content-Type': 'application/json' } : photo ? { 'Content-Type': photo === WALL ? 'image/png' : 'image/jpeg' } : {};
	let body = json ? JSON.stringify(json) : photo;
	if (csv) {
		body = new FormData();
		body.append('file', new Blob([csv], { type: 'text/csv' }), 'library.csv');
	}
	const response = await fetch(server.url + path, { method, headers: { ...types, ...headers }, body });
	const text = await response.text();
	if (response.status !== status) throw new Error(`${method} ${path}: ${response.status} instead of ${status}: ${text.slice(0, 300)}`);
	const value = JSON.parse(text);
	if (name) add(name, value);
	return value;
}

const get = (server, name, path, headers) => ask(server, name, 200, path, { method: 'GET', headers });

/** All events of a stream to its end. Without `fetch`: its `Sec-Fetch-Mode` says that it is a browser's. */
async function events(server, path) {
	const [response] = await once(http.get(server.url + path, { headers: { Accept: 'text/event-stream' } }), 'response');
	const blocks = (await response.setEncoding('utf8').toArray()).join('').split('\n\n');
	return blocks.flatMap((block) => {
		const data = /^data: (.*)$/m.exec(block)?.[1];
		return data ? [{ name: /^event: (.*)$/m.exec(block)?.[1], data: JSON.parse(data) }] : [];
	});
}

/** Notes all that a socket is told. */
function socket(server, schema, query, protocol, kind) {
	return new Promise((resolve, reject) => {
		const one = new WebSocket(`${server.url.replace('http', 'ws')}/ws/progress?${query}`, protocol ? [protocol] : []);
		one.onopen = () => one.send('{"type":"ready"}');
		one.onerror = () => reject(new Error(`the socket ${query} broke`));
		one.onclose = resolve;
		one.onmessage = ({ data }) => {
			const message = JSON.parse(data);
			const { type } = message;
			if (schema === 'legacy') add(type === 'progress' ? 'socket legacy' : `socket legacy ${type}`, message);
			else add(`socket ${schema} ${{ job_started: 'started', job_progress: 'progress', job_complete: `end (${kind})` }[type] ?? type}`, message);
			if (type === 'job_complete' || type === 'error') one.close(1000);
		};
	});
}

async function jobs(server) {
	const { jobId: unnamed } = await ask(server, 'POST /scan', 202, '/scan', { photo: SHELF });
	await ask(server, 'POST /scan?jobId=', 202, '/scan?jobId=first', { photo: SHELF });
	const shelf = await ask(server, 'POST /api/scan-bookshelf', 202, '/api/scan-bookshelf?jobId=shelf', { photo: SHELF });
	await ask(server, 'POST /api/scan-bookshelf/batch', 202, '/api/scan-bookshelf/batch', { json: { jobId: 'batch', images: [{ index: 0, data: SHELF.toString('base64') }] } });
	const scanned = await ask(server, 'POST /api/batch-scan', 202, '/api/batch-scan', { photo: SHELF });
	const imported = await ask(server, 'POST /api/v2/imports', 202, '/api/v2/imports', { csv: CSV });
	const old = await ask(server, 'POST /api/import/csv-gemini', 202, '/api/import/csv-gemini', { csv: CSV });
	await get(server, 'GET /v1/csv/status (running)', `/v1/csv/status/${old.jobId ?? old.data.jobId}`);
	const enriched = await ask(server, 'POST /api/batch-enrich', 202, '/api/batch-enrich', { json: { barcodes: ISBNS } });
	await ask(server, 'POST /api/enrichment/start', 200, '/api/enrichment/start', { json: { jobId: 'works', workIds: ISBNS } });
	await ask(server, 'POST /api/enrichment/batch', 202, '/api/enrichment/batch', { json: { jobId: 'books', books: [{ title: 'Babel' }] } });

	for (const { name, data } of await events(server, shelf.sseUrl ?? `/api/v2/imports/shelf/stream?events=photoscan`)) add(name, data);
	for (let stage; stage !== 'complete'; ) {
		({ stage } = await get(server, 'GET /scan/status', `/scan/status/${unnamed}`));
		await new Promise((resolve) => setTimeout(resolve, 100));
	}
	for (const { data: job } of [imported, scanned, enriched]) {
		for (const { data } of await events(server, job.sseUrl)) add('stream', data);
		await get(server, 'GET /api/v2/imports', job.statusUrl);
		await get(server, 'GET /v1/jobs/status', `/v1/jobs/${job.jobId}/status`);
		await get(server, 'GET /api/job-state', `/api/job-state/${job.jobId}`, { Authorization: `Bearer ${job.authToken}` });
	}
	for (const path of [imported.data.resultsUrl, `/v1/jobs/${imported.data.jobId}/results`, `/v1/csv/results/${imported.data.jobId}`]) await get(server, 'GET results (import)', path);
	await get(server, 'GET results (scan)', scanned.data.resultsUrl);
	await get(server, 'GET results (enrichment)', enriched.data.resultsUrl);
	await get(server, 'GET /v1/csv/status (completed)', `/v1/csv/status/${imported.data.jobId}`);

	const { data: failing } = await ask(server, null, 202, '/api/v2/imports', { csv: 'a,b\n1,2\n' });
	for (const { name, data } of await events(server, failing.sseUrl)) add(name === 'failed' ? 'stream failed' : 'stream', data);
	await get(server, 'GET /v1/csv/status (failed)', `/v1/csv/status/${failing.jobId}`);
	const { data: hopeless } = await ask(server, null, 202, '/api/batch-scan', { photo: WALL });
	for (const { name, data } of await events(server, `${hopeless.sseUrl}?events=photoscan`)) add(name, data);
	await ask(server, 'an error', 404, '/api/v2/imports/nobody', { method: 'GET' });
	for (const { data } of await events(server, '/api/v2/imports/nobody/stream')) add('stream refused', data);
	for (const { data } of await events(server, '/api/v2/imports/nobody/stream?events=photoscan')) add('photoscan refused', data);
	await get(server, 'GET /api/v2/capabilities', '/api/v2/capabilities');
}

/** Sockets of every generation, on jobs of every kind, good and bad. */
async function sockets(server) {
	const { data: scan } = await ask(server, null, 202, '/api/batch-scan', { photo: SHELF });
	const { data: list } = await ask(server, null, 202, '/api/v2/imports', { csv: CSV });
	const { data: enrichment } = await ask(server, null, 202, '/api/batch-enrich', { json: { barcodes: ISBNS } });
	const { data: none } = await ask(server, null, 202, '/api/v2/imports', { csv: 'a,b\n1,2\n' });
	await Promise.all(
		Object.entries({ import: list, enrichment, scan, none }).flatMap(([kind, { jobId, authToken }]) => [
			socket(server, 'legacy', `jobId=${jobId}&token=${authToken}&schema=legacy`, '', kind),
			socket(server, '1.0.0', `jobId=${jobId}&token=${authToken}`, '', kind),
			socket(server, '2.0.0', `jobId=${jobId}`, `bookstrack-auth.${authToken}`, kind),
		]),
	);
}

/** Jobs that are canceled while they run: by name where apps have no token, with one elsewhere. */
async function canceled(server) {
	const old = await ask(server, null, 202, '/api/import/csv-gemini', { csv: CSV });
	await ask(server, 'POST /v1/csv/cancel', 200, `/v1/csv/cancel/${old.jobId ?? old.data.jobId}`);
	const { data: running } = await ask(server, null, 202, '/api/v2/imports', { csv: CSV });
	await ask(server, 'DELETE /api/v2/jobs/cancel', 200, `/api/v2/jobs/${running.jobId}/cancel`, { method: 'DELETE', headers: { 'X-Auth-Token': running.authToken } });
}

const problems = [];
for (const [what, options] of [[jobs, { delay: '200ms' }], [sockets, { delay: '200ms' }], [canceled, { delay: '5s' }]]) {
	const server = await Server.start(options);
	await what(server).catch((error) => problems.push(`${what.name}: ${error.message}`));
	await server.stop();
}
await writeFile(process.argv[2], JSON.stringify(answers));
console.log(`${Object.values(answers).flat().length} answers under ${Object.keys(answers).length} names`);
for (const problem of problems) console.error(problem);
process.exit(problems.length ? 1 : 0);
