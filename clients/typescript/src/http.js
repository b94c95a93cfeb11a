import { Gone, Protocol, Refused, Unreachable } from './errors.js';

export const EVENT_STREAM = 'text/event-stream';
// Bytes a second: slower than any line that photos are sent over in earnest.
const SLOWEST_UPLOAD = 128 << 10;

/**
 * @typedef {object} Request
 * @property {string} [method]
 * @property {Record<string, string>} [headers]
 * @property {BodyInit} [body]
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
			const response = await this.#fetch(this.#origin + path, { method, headers, body, signal: control.signal, cache: 'no-store' });
			this.reached = true;
			return { response, leave, close };
		} catch (error) {
			close();
			throw this.#broken(error, signal, timedOut);
		} finally {
			clearTimeout(timer);
		}
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
		// Generous: it covers the whole body of the largest result.
		let timedOut = false;
		const timer = setTimeout(() => ((timedOut = true), leave()), this.#limit * 4);
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
			let moved = Date.now();
			const watchdog = setInterval(() => Date.now() - moved > this.#limit && upload.abort(), 1000);
			upload.upload.onprogress = ({ loaded, total }) => {
				moved = Date.now();
				onProgress?.(loaded, total);
			};
			upload.onloadend = () => {
				clearInterval(watchdog);
				signal?.removeEventListener('abort', abort);
				if (!upload.status) return reject(this.#broken(undefined, signal, Date.now() - moved > this.#limit));
				this.reached = true;
				try {
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
	const seconds = Number(header('Retry-After') ?? NaN);
	const retryAfter = Number.isFinite(seconds) ? seconds * 1000 : null;
	const etag = header('ETag');
	if (status === 304) return { data: undefined, metadata: {}, etag, retryAfter };
	const body = parsed(header('Content-Type')?.startsWith(EVENT_STREAM) ? dataOf(text) : text);
	if (status >= 200 && status < 300) {
		if (body?.data === undefined) throw new Protocol('an answer without data');
		return { data: body.data, metadata: body.metadata ?? {}, etag, retryAfter };
	}
	if (body?.error && typeof body.error === 'object') throw new (status === 404 || status === 410 ? Gone : Refused)(status, body.error, retryAfter);
	// Not ours, but gateways speak so while the server behind them restarts.
	if (status >= 500) throw new Unreachable(`A gateway answers ${status}.`);
	throw new Protocol(`status ${status} without an error of this API`);
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
