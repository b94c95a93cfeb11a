import { BookstrackError, Gone, Protocol, Refused, Unreachable } from './errors.js';

export const EVENT_STREAM = 'text/event-stream';
// Bytes a second, of an upload of which nothing tells whether it moves.
const SLOWEST_UPLOAD = 16 << 10;
const MAX_REDIRECTIONS = 5;
// Gateways answer so, as with 5xx, in place of a server that may answer later.
const LATER = new Set([408, 425, 429]);

/**
 * @typedef {object} Request
 * @property {string} [method]
 * @property {Record<string, string>} [headers]
 * @property {RequestInit['body']} [body]
 * @property {number} [size] of the body, in bytes
 * @property {AbortSignal} [signal]
 * @property {number} [limit] for the answer's head, in ms
 * @property {(sent: number, total: number) => void} [onProgress]
 */

/**
 * A successful answer in the envelope; no data after 304.
 * @template T
 * @typedef {{ data: T | undefined, metadata: Record<string, unknown>, etag: string | null, retryAfter: number | null }} Answer
 */

/** An answer whose body is still to come. `leave` breaks the connection off; `close` must be called when all is read. */
/** @typedef {{ response: Response, leave: () => void, close: () => void }} Opened */

/**
 * The origin of an absolute address, as two are compared: of what runtimes spell. Without `URL.origin`, which React
 * Native has not.
 * @param {string} url
 * @returns {string | undefined}
 */
function originOf(url) {
	return /^https?:\/\/[^/?#@\\\s]+(?=[/?#]|$)/i.exec(url)?.[0].toLowerCase().replace(/^(http:.*):80$|^(https:.*):443$/, '$1$2');
}

/** Requests to one server: time limits, the envelope, errors. */
export class Http {
	/** Whether this server has ever answered. */
	reached = false;
	#origin;
	#fetch;
	#limit;

	/**
	 * @param {string} origin
	 * @param {typeof fetch} fetch
	 * @param {number} limit for an answer, in ms
	 */
	constructor(origin, fetch, limit) {
		this.#origin = origin;
		this.#fetch = fetch;
		this.#limit = limit;
	}

	/**
	 * Sends, and returns as soon as the answer's head is there.
	 * @param {string} path
	 * @param {Request} request
	 * @returns {Promise<Opened>}
	 */
	async open(path, { method = 'GET', headers = {}, body, size = 0, signal, limit = this.#limit } = {}) {
		throwIfAborted(signal);
		const control = new AbortController();
		const leave = () => control.abort();
		signal?.addEventListener('abort', leave);
		const close = () => signal?.removeEventListener('abort', leave);
		let timedOut = false;
		const timer = setTimeout(() => ((timedOut = true), leave()), limit + (size / SLOWEST_UPLOAD) * 1000);
		try {
			const response = await this.#send(this.#origin + path, { method, headers, body, signal: control.signal, cache: 'no-store', redirect: 'manual' });
			this.reached = true;
			return { response, leave, close };
		} catch (error) {
			close();
			// An answer that is not believed may never end.
			leave();
			if (error instanceof BookstrackError) throw error;
			throw this.#broken(error, signal, timedOut);
		} finally {
			clearTimeout(timer);
		}
	}

	/**
	 * Sends, and follows redirections within the origin, which alone may learn keys, tokens and what is uploaded; only
	 * those that leave the method as it is.
	 * @param {string} url
	 * @param {RequestInit} request
	 * @returns {Promise<Response>}
	 */
	async #send(url, request) {
		for (let n = 0; n <= MAX_REDIRECTIONS; n += 1) {
			let response = await this.#fetch(url, request);
			if (response.type === 'opaqueredirect') {
				// A browser does not say where to, and takes the token off on the way to another server.
				if (request.method !== 'GET') throw new Protocol('it redirects what is not read only');
				response = await this.#fetch(url, { ...request, redirect: 'follow' });
			}
			this.#own(response.url);
			const { status } = response;
			const to = response.headers.get('Location');
			if (!to || status === 304 || status < 300 || status > 399) return response;
			await response.body?.cancel();
			url = new URL(to, response.url || url).href;
			this.#own(url, [307, 308].includes(status) || ([301, 302].includes(status) && request.method === 'GET'));
		}
		throw new Unreachable('Cannot reach the server: it redirects in circles');
	}

	/**
	 * Refuses to believe another server. Without an origin of its own this is a page's.
	 * @param {string} url
	 * @param {boolean} [follows]
	 */
	#own(url, follows = true) {
		const own = this.#origin || globalThis.location?.href;
		if (!follows || (url && own && originOf(url) !== originOf(new URL(own).href))) throw new Protocol(`it redirects to ${url}`);
	}

	/**
	 * Sends, and reads an answer in the envelope.
	 * @template T
	 * @param {string} path
	 * @param {Request} request
	 * @returns {Promise<Answer<T>>}
	 */
	async call(path, request = {}) {
		const headers = { Accept: 'application/json', ...request.headers };
		if (request.onProgress && request.body && typeof XMLHttpRequest === 'function') return this.#upload(path, { ...request, headers });
		const opened = await this.open(path, { ...request, headers });
		const answer = await this.read(opened, request.signal);
		request.onProgress?.(request.size ?? 0, request.size ?? 0);
		return answer;
	}

	/**
	 * Sends, and reads an answer that is no JSON.
	 * @param {string} path
	 * @param {Request} request
	 * @returns {Promise<string>}
	 */
	async text(path, request = {}) {
		const opened = await this.open(path, request);
		if (!opened.response.ok) await this.read(opened, request.signal);
		return this.#body(opened, request.signal);
	}

	/**
	 * Reads an answer in the envelope, or throws what it says.
	 * @param {Opened} opened
	 * @param {AbortSignal} [signal]
	 * @returns {Promise<Answer<any>>}
	 */
	async read(opened, signal) {
		const { status, headers } = opened.response;
		return answerOf(status, await this.#body(opened, signal), (name) => headers.get(name));
	}

	/** @param {Opened} opened @param {AbortSignal} [signal] */
	async #body({ response, leave, close }, signal) {
		// Generous: it covers the whole body of the largest result, on a slow line.
		let timedOut = false;
		const timer = setTimeout(() => ((timedOut = true), leave()), this.#limit * 20);
		try {
			return await response.text();
		} catch (error) {
			throw this.#broken(error, signal, timedOut);
		} finally {
			clearTimeout(timer);
			close();
		}
	}

	/**
	 * Only `XMLHttpRequest` tells how far an upload is.
	 * @param {string} path
	 * @param {Request} request
	 * @returns {Promise<Answer<any>>}
	 */
	#upload(path, { method = 'GET', headers = {}, body, signal, onProgress }) {
		return new Promise((resolve, reject) => {
			throwIfAborted(signal);
			const upload = new XMLHttpRequest();
			upload.open(method, this.#origin + path);
			for (const [name, value] of Object.entries(headers)) upload.setRequestHeader(name, value);
			const abort = () => upload.abort();
			signal?.addEventListener('abort', abort);
			// Time is up when nothing moves any more, however slow it is before.
			let moved = performance.now();
			const watchdog = setInterval(() => performance.now() - moved > this.#limit && upload.abort(), 1000);
			upload.upload.onprogress = ({ loaded, total }) => {
				moved = performance.now();
				onProgress?.(loaded, total);
			};
			upload.onloadend = () => {
				clearInterval(watchdog);
				signal?.removeEventListener('abort', abort);
				if (!upload.status) return reject(this.#broken(undefined, signal, performance.now() - moved > this.#limit));
				this.reached = true;
				try {
					this.#own(upload.responseURL);
					resolve(answerOf(upload.status, upload.responseText, (name) => upload.getResponseHeader(name)));
				} catch (error) {
					reject(error);
				}
			};
			upload.send(/** @type {XMLHttpRequestBodyInit} */ (body));
		});
	}

	/**
	 * @param {unknown} cause
	 * @param {AbortSignal | undefined} signal
	 * @param {boolean} timedOut
	 */
	#broken(cause, signal, timedOut) {
		if (signal?.aborted) return reasonFor(signal);
		const why = timedOut ? 'no answer in time' : reasonOf(cause);
		return new Unreachable(`Cannot reach ${this.#origin || 'the server'}: ${why}`, { cause, timedOut });
	}
}

/** Signals of React Native know neither `reason` nor `throwIfAborted`. @param {AbortSignal} signal */
export function reasonFor(signal) {
	return signal.reason ?? Object.assign(new Error('This was aborted.'), { name: 'AbortError' });
}

/** @param {AbortSignal} [signal] */
export function throwIfAborted(signal) {
	if (signal?.aborted) throw reasonFor(signal);
}

/** The deepest cause: the outer ones only say that a request failed. @param {unknown} error @returns {string} */
function reasonOf(error) {
	if (!(error instanceof Error)) return 'the connection broke';
	return error.cause instanceof Error ? reasonOf(error.cause) : error.message;
}

/**
 * @param {number} status
 * @param {string} text
 * @param {(name: string) => string | null} header
 * @returns {Answer<any>}
 */
function answerOf(status, text, header) {
	const retryAfter = pauseOf(header);
	const etag = header('ETag');
	if (status === 304) return { data: undefined, metadata: {}, etag, retryAfter };
	const body = parsed(header('Content-Type')?.startsWith(EVENT_STREAM) ? dataOf(text) : text);
	if (status >= 200 && status < 300) {
		if (body === undefined && /^application\/json\b/i.test(header('Content-Type') ?? '')) throw new Unreachable('The answer broke off.');
		if (typeof body?.data !== 'object' || body.data === null) throw new Protocol('an answer without data');
		return { data: body.data, metadata: body.metadata ?? {}, etag, retryAfter };
	}
	if (body?.error && typeof body.error === 'object') throw new (status === 404 || status === 410 ? Gone : Refused)(status, body.error, retryAfter);
	// Not ours, but gateways speak so while the server behind them restarts.
	if (status >= 500 || LATER.has(status)) throw new Unreachable(`A gateway answers ${status}.`, { retryAfter });
	throw new Protocol(`status ${status} without an error of this API`);
}

/** `Retry-After` in ms: it has seconds, or a time by the server's clock. @param {(name: string) => string | null} header */
function pauseOf(header) {
	const text = header('Retry-After')?.trim() ?? '';
	if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
	const at = / GMT$/.test(text) ? Date.parse(text) : NaN;
	if (Number.isNaN(at)) return null;
	return Math.max(at - (Date.parse(header('Date') ?? '') || Date.now()), 0);
}

/** A request for a stream may be refused with one event, whose data has the error. @param {string} text */
function dataOf(text) {
	return /^data: ?(.*)$/m.exec(text)?.[1] ?? '';
}

/** @param {string} text @returns {any} */
function parsed(text) {
	try {
		return JSON.parse(text);
	} catch {
		return undefined;
	}
}
