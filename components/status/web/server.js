import { BookstrackClient } from './client/index.js';

/** Jobs that want to know what comes over the wire for them, by their addresses. */
const listeners = new Map();

/** The server that this page comes from: a job is followed as long as the page is open. */
export const server = new BookstrackClient('', { timing: { longestOutage: Infinity }, fetch: overheard });

/** `heard` is called with each answer about the job, the way that it comes and its bytes. Returns how to end that. */
export function overhear(url, heard) {
	listeners.set(url, heard);
	return () => listeners.delete(url);
}

async function overheard(url, request) {
	const response = await fetch(url, request);
	const heard = request.method === 'GET' && listeners.get(url.replace(/\/stream(\?.*)?$/, ''));
	const isStream = response.headers.get('Content-Type')?.startsWith('text/event-stream');
	const way = url.includes('/stream') ? isStream && 'sse' : (response.ok || response.status === 304) && 'poll';
	if (!heard || !way) return response;
	if (!response.body) heard(way, 0);
	const counting = new TransformStream({
		transform(piece, out) {
			heard(way, piece.length);
			out.enqueue(piece);
		},
	});
	const { status, headers } = response;
	if (!response.body) return response;
	// Whose answer it is, stays known.
	return Object.defineProperty(new Response(response.body.pipeThrough(counting), { status, headers }), 'url', { value: response.url });
}
