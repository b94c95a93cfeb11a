import { server } from './server.js';

const OPENING_MS = 10_000;
// The server answers a ping, and the page sends one every 15 s.
const SILENCE_MS = 40_000;

/**
 * Follows a job by WebSocket, schema 2.0.0: progress only, the books follow when the job has ended. Resolves when the
 * connection ends, to whether it has ever worked; `heard` is called as soon as it does.
 */
export function socket(job, signal, heard) {
	const meter = job.meters.ws.connected();
	const { id, token } = job.record;
	const url = new URL(`/ws/progress?jobId=${encodeURIComponent(id)}&schema=2.0.0`, location.href);
	url.protocol = url.protocol.replace('http', 'ws');
	return new Promise((resolve, reject) => {
		// As a subprotocol the token stays out of addresses, and so out of logs.
		const socket = new WebSocket(url, token ? [`bookstrack-auth.${token}`] : []);
		let worked = false;
		let silence = setTimeout(() => socket.close(), OPENING_MS);
		const ping = setInterval(() => socket.send('{"type":"ping"}'), 15_000);
		signal.addEventListener('abort', () => socket.close());
		socket.onopen = () => {
			worked = true;
			heard();
			socket.send('{"type":"ready"}');
		};
		socket.onmessage = ({ data }) => {
			clearTimeout(silence);
			silence = setTimeout(() => socket.close(), SILENCE_MS);
			const { type, timestamp, payload } = JSON.parse(data);
			meter.bytes += new Blob([data]).size;
			meter.message(type === 'job_progress' && (payload.updatedAt ?? timestamp));
			if (type === 'job_progress') job.apply({ ...payload, status: 'processing', message: payload.status });
			// The server leaves it to its clients to close, for 10 s.
			else if (type === 'job_complete' || type === 'error') socket.close(1000);
		};
		socket.onclose = async ({ code }) => {
			clearInterval(ping);
			clearTimeout(silence);
			try {
				// The status document says how a job ended.
				if (code === 1000 && !signal.aborted) job.apply(await server.status(id, { signal }));
				resolve(worked);
			} catch (error) {
				reject(error);
			}
		};
	});
}
