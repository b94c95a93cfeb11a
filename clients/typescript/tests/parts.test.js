import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { BookstrackClient, Parser, Strategy, TIMING, Unreachable } from '../src/index.js';

const encoder = new TextEncoder();

/** @param {string} text @param {number} [size] of the pieces */
function framesOf(text, size = 1 << 20) {
	const [parser, bytes] = [new Parser(), encoder.encode(text)];
	const frames = [];
	for (let at = 0; at < bytes.length; at += size) frames.push(...parser.push(bytes.subarray(at, at + size)));
	return frames.map(({ event, data, id }) => [event, data, id]);
}

test('an event stream is read as the HTML standard says, however it is cut', () => {
	const text = '\ufeffdata:a\r\ndata: b\rdata\n\nid: 1\ndata:  c\r\rid: 2\0\nevent: é€😀\ndata: d\n\nid\ndata: e\n\nevent: none\n\ndata: {"half';
	const frames = [['message', 'a\nb\n', ''], ['message', ' c', '1'], ['é€😀', 'd', '1'], ['message', 'e', '']];
	for (let size = 1; size < 20; size++) assert.deepEqual(framesOf(text, size), frames, `in pieces of ${size}`);
});

test('retry counts only as digits', () => {
	const parser = new Parser();
	parser.push(encoder.encode('retry: 250\nretry: +3\nretry: soon\nretry:\nretry: 99999999999999999999\n'));
	assert.equal(parser.retry, 250);
});

test('an endless event is refused', () => {
	assert.throws(() => new Parser().push(new Uint8Array((1 << 20) + 1).fill(120)), RangeError);
	const parser = new Parser();
	assert.throws(() => { for (let i = 0; i < 2000; i++) parser.push(encoder.encode(`data: ${'y'.repeat(1000)}\n`)); }, RangeError);
});

test('an absent server is asked ever more rarely, and its streams are not blamed', () => {
	const strategy = new Strategy('auto', TIMING);
	const next = Array.from({ length: 7 }, () => {
		const after = strategy.streamEnded('unreachable', 0);
		return after.step === 'probe' ? strategy.probeFailed(0) : after;
	});
	assert.deepEqual(next.map(({ pause }) => pause), [1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
	assert.ok(next.every(({ step }) => step === 'stream'));
});

test('streams without a connection are blamed when the status is answered twice', () => {
	const strategy = new Strategy('auto', TIMING);
	const steps = ['stream', 'stream', 'probe'];
	for (const step of steps) assert.equal(strategy.streamEnded('unreachable', 0).step, step);
	assert.equal(strategy.blamesStreams(), false);
	assert.equal(strategy.polled(null, false).step, 'stream');
	assert.equal(strategy.streamEnded('unreachable', 0).step, 'probe');
	assert.equal(strategy.blamesStreams(), true);
	strategy.succeeded();
	for (const step of steps) assert.equal(strategy.streamEnded('unreachable', 0).step, step);
	assert.equal(strategy.blamesStreams(), false);
});

test('a network that comes back between stream and probe is not blamed on streams', () => {
	const strategy = new Strategy('auto', TIMING);
	assert.equal(strategy.streamEnded('silent', 0).step, 'probe');
	assert.equal(strategy.blamesStreams(), false);
	assert.equal(strategy.polled(null, false).step, 'stream');
	strategy.succeeded();
	for (const blames of [false, true]) {
		assert.equal(strategy.streamEnded('silent', 0).step, 'probe');
		assert.equal(strategy.blamesStreams(), blames);
	}
});

test('streams are given up only when the status works', () => {
	const strategy = new Strategy('auto', TIMING);
	assert.deepEqual(strategy.streamEnded('silent', 0), { pause: 0, step: 'probe' });
	assert.equal(strategy.probeFailed(0).step, 'stream');
	assert.equal(strategy.streamEnded('refused', 0).step, 'probe');
	assert.deepEqual(strategy.polled(86_400_000, true), { pause: 60_000, step: 'poll' });
	assert.equal(strategy.polled(0, false).pause, 100);
});

test('what is known of a server is remembered, for a while', () => {
	const client = new BookstrackClient('HTTP://Books.Example:80/');
	client.streamSupport = { streamsWork: false, until: Date.now() + 1000 };
	assert.equal(client.streamSupport?.streamsWork, false);
	client.streamSupport = { streamsWork: false, until: Date.now() - 1 };
	assert.equal(client.streamSupport, null);
	assert.throws(() => new BookstrackClient('ftp://host'), TypeError);
	for (const address of ['host', 'http://', 'http://host/books', 'http://user@host', 'http://host?x']) assert.throws(() => new BookstrackClient(address), TypeError);
});

test('an upload that nobody can take is tried once', async () => {
	const deserted = createServer().listen(0, '127.0.0.1');
	await once(deserted, 'listening');
	const { port } = /** @type {import('node:net').AddressInfo} */ (deserted.address());
	deserted.close();
	let tries = 0;
	/** @type {typeof fetch} */
	const counted = (...request) => ((tries += 1), fetch(...request));
	const client = new BookstrackClient('http://127.0.0.1:1', { fetch: () => ((tries += 1), Promise.reject(new TypeError('broken'))) });
	await assert.rejects(client.submit({ csv: 'x' }, { resubmissions: 0 }), Unreachable);
	assert.equal(tries, 1);
	tries = 0;
	await assert.rejects(new BookstrackClient(`http://127.0.0.1:${port}`, { timing: { retry: 60_000 }, fetch: counted }).submit({ csv: 'x' }), Unreachable);
	assert.equal(tries, 1);
});

test('a server that is away for a moment is submitted to again, one that never answered is not', async () => {
	let tries = 0;
	/** @param {{ answers: number, error: Error }} what */
	const submit = async ({ answers, error }) => {
		tries = 0;
		/** @type {typeof fetch} */
		const answer = async () => {
			tries += 1;
			if (tries <= answers || tries > 4) return Response.json({ success: true, data: { jobId: 'a' } });
			throw error;
		};
		const client = new BookstrackClient('http://host', { fetch: answer, timing: { retry: 1, maxBackoff: 1 } });
		if (answers) await client.capabilities();
		return client.submit({ csv: 'x' });
	};
	const refused = new TypeError('failed', { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) });
	const reset = new TypeError('failed', { cause: Object.assign(new Error(), { code: 'ECONNRESET' }) });
	const unsaid = new TypeError('failed');
	await assert.rejects(submit({ answers: 0, error: refused }), Unreachable);
	assert.equal(tries, 1);
	await assert.rejects(submit({ answers: 0, error: unsaid }), Unreachable);
	assert.equal(tries, 2);
	for (const [answers, error] of /** @type {const} */ ([[0, reset], [1, refused], [1, unsaid]])) assert.equal((await submit({ answers, error })).id, 'a');
	assert.throws(() => new BookstrackClient(''), TypeError);
});

test('a signal that outlives many calls is left without listeners', async () => {
	const { signal } = new AbortController();
	let listeners = 0;
	const [add, remove] = [signal.addEventListener.bind(signal), signal.removeEventListener.bind(signal)];
	signal.addEventListener = (/** @type {any[]} */ ...all) => ((listeners += 1), add(.../** @type {[any, any]} */ (all)));
	signal.removeEventListener = (/** @type {any[]} */ ...all) => ((listeners -= 1), remove(.../** @type {[any, any]} */ (all)));
	let asked = 0;
	/** @type {typeof fetch} */
	const answer = async () => {
		asked += 1;
		if (asked % 3 === 0) throw new TypeError('broken');
		return asked % 3 ? Response.json({ success: true, data: { jobId: 'a' } }) : new Response('no', { status: 400 });
	};
	const client = new BookstrackClient('http://host', { fetch: answer, timing: { retry: 1 } });
	for (let n = 0; n < 12; n++) await client.submit({ csv: 'x' }, { signal });
	for (let n = 0; n < 12; n++) await client.status('a', { signal }).catch(() => {});
	assert.equal(listeners, 0);
});

test('calls end with their signal', async () => {
	/** @type {typeof fetch} */
	const never = (_, request) => new Promise((_resolve, reject) => request?.signal?.addEventListener('abort', () => reject(new TypeError('aborted'))));
	const client = new BookstrackClient('http://host', { fetch: never });
	const job = { id: 'a', token: 't', lastEventId: null };
	/** @type {((signal: AbortSignal) => Promise<unknown>)[]} */
	const calls = [(signal) => client.status(job, { signal }), (signal) => client.cancel(job, { signal }), (signal) => client.results(job, { signal }), (signal) => client.rows(job, ['failed'], { signal }), (signal) => client.choose(job, 0, null, { signal }), (signal) => client.retry(job, { signal }), (signal) => client.search('x', { signal }), (signal) => client.lookUp('1', { signal }), (signal) => client.preview({ csv: 'x' }, { signal })];
	for (const call of calls) {
		const control = new AbortController();
		const called = call(control.signal);
		control.abort();
		await assert.rejects(called, { name: 'AbortError' });
	}
});

test('a clock that is set is no outage', async (t) => {
	const { now } = Date;
	t.after(() => (Date.now = now));
	const job = { id: 'a', token: null, lastEventId: null };
	let asked = 0;
	/** @type {typeof fetch} */
	const answer = async () => {
		asked += 1;
		if (asked === 2) {
			Date.now = () => now() + 3_600_000;
			throw new TypeError('broken');
		}
		return Response.json({ success: true, data: { jobId: 'a', status: asked === 1 ? 'processing' : 'completed', progress: 0.5 } });
	};
	const client = new BookstrackClient('http://host', { mode: 'poll', fetch: answer, timing: { poll: 1, retry: 1 } });
	const types = [];
	for await (const { type } of client.updates(job)) types.push(type);
	assert.deepEqual(types, ['using', 'progress', 'lost', 'completed']);
});

test('time in which a program stood still is no outage', async (t) => {
	const { now } = performance;
	t.after(() => (performance.now = now));
	let asked = 0;
	/** @type {typeof fetch} */
	const answer = async () => {
		asked += 1;
		if (asked > 1 && asked < 8) {
			const frozen = performance.now() + 600_000;
			performance.now = () => frozen;
			throw new TypeError('broken');
		}
		return Response.json({ success: true, data: { jobId: 'a', status: asked === 1 ? 'processing' : 'completed', progress: 0.5 } });
	};
	/** @param {number} longestOutage */
	const follow = async (longestOutage) => {
		asked = 0;
		const client = new BookstrackClient('http://host', { mode: 'poll', fetch: answer, timing: { poll: 1, retry: 1, longestOutage } });
		const types = [];
		for await (const { type } of client.updates({ id: 'a', token: null, lastEventId: null })) types.push(type);
		return types;
	};
	assert.deepEqual(await follow(300_000), ['using', 'progress', 'lost', 'lost', 'lost', 'lost', 'lost', 'lost', 'completed']);
	// Each attempt counts for as long as its limit.
	await assert.rejects(follow(100_000), Unreachable);
	assert.equal(asked, 5);
});

test('Retry-After is a time by the server’s clock, or seconds', async () => {
	const [now, later] = ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 08:50:07 GMT'];
	/** @type {[Record<string, string>, number | null][]} */
	const cases = [[{ 'Retry-After': ' 7 ' }, 7000], [{ Date: now, 'Retry-After': later }, 30_000], [{ Date: later, 'Retry-After': now }, 0], [{ 'Retry-After': now }, 0], [{}, null]];
	for (const text of ['', '-5', 'soon', '1.5', '99999999999']) cases.push([{ 'Retry-After': text }, null]);
	for (const [headers, retryAfter] of cases) {
		const client = new BookstrackClient('http://host', { fetch: async () => new Response('busy', { status: 503, headers }) });
		await assert.rejects(client.capabilities(), { kind: 'unreachable', retryAfter });
	}
});

test('what progress comes by is said before it', async () => {
	/** @type {typeof fetch} */
	const answer = async (url) => {
		if (String(url).includes('/stream')) throw new TypeError('broken');
		asked += 1;
		return Response.json({ success: true, data: { jobId: 'a', status: asked < 3 ? 'processing' : 'completed', progress: asked / 3 } });
	};
	let asked = 0;
	const client = new BookstrackClient('http://host', { fetch: answer, timing: { poll: 1, retry: 1 } });
	await client.status('a');
	const types = [];
	for await (const { type } of client.updates({ id: 'a', token: null, lastEventId: null })) if (type !== 'lost') types.push(type);
	assert.deepEqual(types, ['using', 'progress', 'completed']);
});

test('one job can be followed another way than the client’s', async () => {
	/** @type {string[]} */
	const asked = [];
	/** @type {typeof fetch} */
	const answer = async (url) => {
		asked.push(new URL(String(url)).pathname);
		return Response.json({ success: true, data: { jobId: 'a', status: 'completed', progress: 1 } });
	};
	const client = new BookstrackClient('http://host', { mode: 'sse', fetch: answer });
	const types = [];
	for await (const { type } of client.updates({ id: 'a', token: null, lastEventId: null }, { mode: 'poll' })) types.push(type);
	assert.deepEqual(types, ['using', 'completed']);
	assert.deepEqual(asked, ['/api/v2/imports/a']);
});

test('the package has the licence, the types and every module', () => {
	const [{ files }] = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: new URL('..', import.meta.url), encoding: 'utf8' }));
	const packed = files.map((/** @type {{ path: string }} */ { path }) => path);
	for (const path of ['LICENSE', 'README.md', 'src/index.js', 'src/watch.js', 'types/index.d.ts', 'types/schema.d.ts']) assert.ok(packed.includes(path), path);
});

test('a server is itself however its name is spelled', async () => {
	for (const [own, url] of [['https://Bücher.example', 'https://xn--bcher-kva.example/x'], ['http://127.1:3000', 'http://127.0.0.1:3000/x'], ['http://[0:0::1]', 'http://[::1]/x']]) {
		const response = Response.json({ success: true, data: {} });
		Object.defineProperty(response, 'url', { value: url });
		await new BookstrackClient(String(own), { fetch: async () => response }).capabilities();
	}
});

test('an answer is believed by its origin alone, with as much of URL as React Native has', async () => {
	const whole = globalThis.URL;
	// @ts-ignore what React Native has throws here
	globalThis.URL = class extends whole {
		/** @returns {string} */
		get origin() {
			throw new Error('URL.origin is not implemented');
		}
	};
	try {
		/** @param {string} url */
		const from = (url) => {
			const response = Response.json({ success: true, data: {} });
			Object.defineProperty(response, 'url', { value: url });
			return new BookstrackClient('https://Books.example', { fetch: async () => response }).capabilities();
		};
		for (const own of ['https://books.example/api/v2/capabilities', 'HTTPS://books.example:443/x', 'https://books.example?x', '']) await from(own);
		for (const other of ['http://books.example/x', 'https://books.example:8443/x', 'https://books.example.evil/x', 'https://books.example@evil/x', 'https://evil\\@books.example/x', 'ftp://books.example/x'])
			await assert.rejects(from(other), /redirects to/, other);
	} finally {
		globalThis.URL = whole;
	}
});

test('photos go to React Native’s form as it takes them', async (t) => {
	const whole = globalThis.FormData;
	t.after(() => (globalThis.FormData = whole));
	/** @type {unknown[]} */
	const parts = [];
	// @ts-ignore what React Native has takes the address of a file
	globalThis.FormData = class {
		/** @param {unknown[]} part */
		append(...part) {
			parts.push(part);
		}
	};
	const photo = { uri: 'file:///shelf.jpg', name: 'shelf.jpg', type: 'image/jpeg' };
	const client = new BookstrackClient('http://host', { fetch: async () => Response.json({ success: true, data: { jobId: 'a' } }) });
	await client.submit({ photos: [photo] });
	assert.deepEqual(parts, [['photos', photo]]);
});
