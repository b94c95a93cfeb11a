import assert from 'node:assert/strict';
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
	assert.throws(() => new BookstrackClient('host'), TypeError);
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
