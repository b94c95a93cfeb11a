import { ApiError, refuse, request } from './api.js';

// A stream's first bytes come at once, unless something between holds them back; heartbeats come every 15 s.
const FIRST_BYTE_MS = 10_000;
const SILENCE_MS = 40_000;

/** Makes events, as objects of their fields, from pieces cut anywhere. (The contract knows "\n" line ends only.) */
function eventReader() {
	let rest = '';
	const field = (line) => line.split(/: (.*)/, 2);
	return (piece) => {
		const blocks = (rest + piece).split('\n\n');
		rest = blocks.pop();
		return blocks.map((block) => Object.fromEntries(block.split('\n').map(field)));
	};
}

/** Calls `abort` unless set again in time; 0 stops it. */
function watchdog(abort) {
	let timer;
	return (ms) => {
		clearTimeout(timer);
		if (ms) timer = setTimeout(abort, ms);
	};
}

/*
 * A transport feeds `job` until its connection ends, and resolves to how: `planned` when the server only renews it,
 * `silent` when nothing came through, `retryMs`. It calls `heard` when the connection has proved to work.
 */

/** Server-sent events, resumed with Last-Event-ID, books included. */
export async function sse(job, signal, heard) {
	const meter = job.meters.sse.connected();
	const dead = new AbortController();
	const dog = watchdog(() => dead.abort());
	const read = eventReader();
	const decoder = new TextDecoder();
	let silent = true;
	let retryMs;
	try {
		dog(FIRST_BYTE_MS);
		const headers = job.lastEventId ? { 'Last-Event-ID': job.lastEventId } : {};
		const response = await fetch(`${job.url}/stream?books=1`, { headers, signal: AbortSignal.any([signal, dead.signal]), cache: 'no-store' });
		if (response.status === 204) return await settle(job, signal);
		if (!response.ok) await refuse(response);
		if (!response.headers.get('Content-Type').startsWith('text/event-stream')) return { silent };
		for (const reader = response.body.getReader(); ; ) {
			const { value, done } = await reader.read();
			if (done) break;
			if (silent) heard();
			silent = false;
			dog(SILENCE_MS);
			meter.bytes += value.length;
			for (const { id, event, data, retry } of read(decoder.decode(value, { stream: true }))) {
				if (retry) retryMs = Number(retry);
				if (!data) continue;
				const body = JSON.parse(data);
				meter.message(event === 'processing' && body.updatedAt);
				job.lastEventId = id;
				if (event === 'book') job.addBook(body);
				else if (event === 'timeout') job.note(`${body.message}. The job may still go on.`);
				else if (body.status) job.apply(body);
			}
		}
	} catch (error) {
		// A body that is cut short is how the server renews a stream: only silence is an error.
		if (error instanceof ApiError || (silent && !dead.signal.aborted)) throw error;
	} finally {
		dog(0);
	}
	return { silent, retryMs, planned: retryMs < 1000 };
}

/** WebSocket, schema 2.0.0: progress only, the books follow when the job has ended. */
export function ws(job, signal, heard) {
	const meter = job.meters.ws.connected();
	const { id, token } = job.record;
	const url = new URL(`/ws/progress?jobId=${encodeURIComponent(id)}&schema=2.0.0`, location.href);
	url.protocol = url.protocol.replace('http', 'ws');
	return new Promise((resolve, reject) => {
		// As a subprotocol the token stays out of addresses, and so out of logs.
		const socket = new WebSocket(url, token ? [`bookstrack-auth.${token}`] : []);
		const dog = watchdog(() => socket.close());
		const ping = setInterval(() => socket.send('{"type":"ping"}'), 15_000);
		let silent = true;
		signal.addEventListener('abort', () => socket.close());
		dog(FIRST_BYTE_MS);
		socket.onopen = () => {
			silent = false;
			heard();
			socket.send('{"type":"ready"}');
		};
		socket.onmessage = ({ data }) => {
			dog(SILENCE_MS);
			const { type, timestamp, payload } = JSON.parse(data);
			meter.bytes += new Blob([data]).size;
			meter.message(type === 'job_progress' && (payload.updatedAt ?? timestamp));
			if (type === 'job_progress') job.apply({ ...payload, status: 'processing', message: payload.status });
		};
		socket.onclose = ({ code }) => {
			clearInterval(ping);
			dog(0);
			if (code === 1000 && !signal.aborted) settle(job, signal).then(resolve, reject);
			else resolve({ silent });
		};
	});
}

/** Polling with ETag, at the server's pace, once and then until the time `until`: progress only. */
export async function poll(job, signal, heard, until) {
	const meter = job.meters.poll.connected();
	for (let etag; ; ) {
		const { data, headers, bytes } = await request(job.url, { etag, signal });
		heard();
		meter.bytes += bytes;
		meter.message(data?.updatedAt);
		if (data) job.apply(data);
		etag = headers.get('ETag');
		if (job.over || Date.now() > until) return { planned: true, retryMs: 0 };
		await pause(headers.get('Retry-After') * 1000 || 2000, signal);
	}
}

/** The status document says how a job ended. */
async function settle(job, signal) {
	job.apply((await request(job.url, { signal })).data);
	return { retryMs: 2000 };
}

/** Waits, or less when aborted. */
export function pause(ms, signal) {
	return new Promise((resolve) => {
		setTimeout(resolve, ms);
		signal.addEventListener('abort', resolve);
	});
}
