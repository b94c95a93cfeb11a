import { BookstrackError, Protocol, Refused, Unreachable } from './errors.js';
import { EVENT_STREAM, reasonFor, throwIfAborted } from './http.js';
import { Parser } from './sse.js';
import { Strategy } from './strategy.js';

/** @typedef {import('./strategy.js').StreamEnd} StreamEnd */
/** @typedef {import('./client.js').Job} Job */
/** @typedef {import('./client.js').Snapshot} Snapshot */
/** @typedef {import('./client.js').Book} Book */
/** @typedef {'sse' | 'poll'} Transport */

/**
 * What a watched job says. `job` is what to store to go on from here. Of a job that is canceled comes `failed`, with a
 * snapshot that says so; `timeout` is the last one too, although the job may go on: it has made no progress for minutes.
 * `lost`: the server is away, and is asked again after `pause` ms; `using`: from here on, progress comes this way.
 * @typedef {{ job: Job } & (
 *   | { type: 'progress' | 'completed' | 'failed', snapshot: Snapshot }
 *   | { type: 'timeout', message: string }
 *   | { type: 'book', index: number, book: Book }
 *   | { type: 'using', transport: Transport }
 *   | { type: 'lost', reason: string, pause: number }
 * )} Update
 */

/** @typedef {Update extends infer U ? U extends { job: Job } ? Omit<U, 'job'> : never : never} News an update before it is known where it stands */

const PROGRESS = new Set(['initialized', 'processing']);
const ENDS = new Set(['completed', 'failed', 'timeout']);
const OVER = new Set(['completed', 'failed', 'canceled']);

/** One job's progress, over whatever transport works. */
export class Watch {
	#shared;
	#job;
	#books;
	#signal;
	#strategy;
	/** @type {import('./strategy.js').Next} */
	#next;
	#over = false;
	/** @type {Transport | undefined} */
	#announced;
	/** @type {string | null} */
	#etag = null;
	/** The furthest snapshot seen. @type {Snapshot | undefined} */
	#seen;
	/** For how long the server was asked in vain, in ms; nothing before its first sign of life. @type {number | undefined} */
	#away;
	/** When the last attempt ended, by a clock that nobody sets, and the pause after it. */
	#attempt = { at: performance.now(), pause: 0 };

	/**
	 * @param {import('./client.js').Shared} shared
	 * @param {Job} job
	 * @param {{ books?: boolean, mode?: import('./strategy.js').Mode, signal?: AbortSignal }} options
	 */
	constructor(shared, job, { books = false, mode = shared.mode, signal }) {
		this.#shared = shared;
		this.#job = { ...job };
		this.#books = books;
		this.#signal = signal;
		this.#strategy = new Strategy(mode, shared.timing);
		this.#next = this.#strategy.begin(shared.streamsBlocked);
		// Fail fast only if there is no reason to believe in this server.
		if (shared.http.reached || job.lastEventId) this.#away = 0;
	}

	/** @returns {AsyncGenerator<Update, void, void>} */
	async *updates() {
		while (!this.#over) {
			const { pause, step } = this.#next;
			if (pause) await sleep(pause, this.#signal);
			for await (const news of step === 'stream' ? this.#stream() : this.#poll(step)) yield /** @type {Update} */ ({ ...news, job: { ...this.#job } });
		}
	}

	get #path() {
		return `/api/v2/imports/${encodeURIComponent(this.#job.id)}`;
	}

	/** @returns {AsyncGenerator<News, void, void>} */
	async *#stream() {
		const { http, timing } = this.#shared;
		/** @type {Record<string, string>} */
		const headers = { Accept: EVENT_STREAM };
		if (this.#job.lastEventId) headers['Last-Event-ID'] = this.#job.lastEventId;
		let opened;
		try {
			opened = await http.open(`${this.#path}/stream${this.#books ? '?books=1' : ''}`, { headers, signal: this.#signal, limit: timing.firstByte });
		} catch (error) {
			if (error instanceof Protocol) return yield* this.#ended('refused', error);
			if (!(error instanceof Unreachable)) throw error;
			return yield* this.#ended(error.timedOut ? 'silent' : 'unreachable', error);
		}
		const { response, leave, close } = opened;
		try {
			if (response.status === 204) {
				// "You have it all": the status says it once more.
				this.#next = { pause: 0, step: 'poll' };
			} else if (response.status === 200) {
				// Some runtimes (React Native's fetch) cannot hand out a body in pieces: there it is as if no stream came through.
				if (isEventStream(response) && response.body) yield* this.#read(response.body.getReader());
				else yield* this.#ended('refused');
			} else {
				await http.read(opened, this.#signal);
				yield* this.#ended('refused');
			}
		} catch (error) {
			if (!(error instanceof BookstrackError)) throw error;
			if (error instanceof Refused && !error.transient) throw error;
			yield* this.#ended(error.transient ? 'useless' : 'refused', error);
		} finally {
			close();
			leave();
		}
	}

	/**
	 * @param {ReadableStreamDefaultReader<Uint8Array>} reader
	 * @returns {AsyncGenerator<News, void, void>}
	 */
	async *#read(reader) {
		const { firstByte, idle, retry } = this.#shared.timing;
		const parser = new Parser();
		let begun = false;
		let events = 0;
		/** @type {StreamEnd} */
		let end;
		for (;;) {
			const piece = await inTime(reader.read(), begun ? idle : firstByte);
			throwIfAborted(this.#signal);
			if (piece === 'silent') {
				end = events ? 'cut' : 'silent';
				break;
			}
			if (piece === 'broken' || piece.done) {
				// Without either it is none of this API, whatever comments it has: those of a proxy.
				end = events || parser.retry !== null ? 'cut' : 'useless';
				break;
			}
			begun = true;
			let frames;
			try {
				frames = parser.push(piece.value);
			} catch {
				end = 'refused';
				break;
			}
			for (const frame of frames) {
				events += 1;
				const news = this.#take(frame);
				if (news === 'refused') return yield* this.#ended('refused');
				yield* news;
				if (this.#over) return;
			}
		}
		// One that says only when to come back must not be asked without a pause.
		if (parser.retry !== null) this.#strategy.setRetry(events ? parser.retry : Math.max(parser.retry, retry));
		if (end === 'cut') this.#alive();
		yield* this.#ended(end);
	}

	/**
	 * @param {import('./sse.js').Frame} frame
	 * @returns {News[] | 'refused'}
	 */
	#take({ event, data, id }) {
		const body = bodyOf(event, data);
		if (body === 'refused') return 'refused';
		const [last, delivered] = [ENDS.has(event), booksOf(this.#job.lastEventId)];
		// What is further than all that was told is news, although a server that lost its store counts from 1 again.
		const further = event === 'book' ? body.index >= delivered : PROGRESS.has(event) && body.progress > (this.#seen?.progress ?? Infinity);
		const known = !last && !further && id && this.#job.lastEventId && !isAfter(id, this.#job.lastEventId);
		if (id && !known && (!this.#books || booksOf(id) >= delivered)) this.#job.lastEventId = id;
		this.#strategy.succeeded();
		this.#alive();
		if (known) return [];
		if (event === 'book') {
			this.#shared.noteStreamSupport(true);
			return further ? this.#via('sse', { type: 'book', index: body.index, book: body.book }) : [];
		}
		if (last) {
			this.#over = true;
			this.#shared.noteStreamSupport(true);
			return this.#via('sse', event === 'timeout' ? { type: 'timeout', message: body.message ?? '' } : { type: /** @type {'completed' | 'failed'} */ (event), snapshot: body });
		}
		if (!PROGRESS.has(event)) return [];
		this.#shared.noteStreamSupport(true);
		return this.#progress('sse', body);
	}

	/**
	 * @param {'probe' | 'poll'} step
	 * @returns {AsyncGenerator<News, void, void>}
	 */
	async *#poll(step) {
		const { http } = this.#shared;
		const signal = this.#signal;
		let answer;
		try {
			answer = /** @type {import('./http.js').Answer<Snapshot>} */ (await http.call(this.#path, { signal, headers: this.#etag ? { 'If-None-Match': this.#etag } : {} }));
		} catch (error) {
			if (!(error instanceof BookstrackError && error.transient)) throw error;
			const jitter = Math.random();
			return yield this.#lost(error, step === 'poll' ? this.#strategy.pollFailed(jitter) : this.#strategy.probeFailed(jitter));
		}
		this.#alive();
		// Else the stream is asked once more: nothing has changed yet.
		const polls = step === 'poll' || this.#strategy.blamesStreams();
		if (polls && step === 'probe') this.#shared.noteStreamSupport(false);
		const { data, etag, retryAfter } = answer;
		if (data) {
			if (!isSnapshot(data)) throw new Protocol('a status of another form');
			this.#etag = etag;
			if (OVER.has(data.status)) {
				if (this.#books) {
					try {
						yield* this.#missingBooks(data);
					} catch (error) {
						if (!(error instanceof BookstrackError && error.transient)) throw error;
						this.#etag = null;
						return yield this.#lost(error, this.#strategy.pollFailed(Math.random()));
					}
				}
				this.#over = true;
				yield* this.#via('poll', { type: data.status === 'completed' ? 'completed' : 'failed', snapshot: data });
				return;
			}
			yield* this.#progress(polls || !this.#announced ? 'poll' : undefined, data);
		}
		this.#next = this.#strategy.polled(retryAfter, this.#shared.streamsBlocked);
	}

	/**
	 * Polling brings no books: those that no stream has brought are in the results.
	 * @param {Snapshot} end
	 * @returns {AsyncGenerator<News, void, void>}
	 */
	async *#missingBooks(end) {
		try {
			for await (const { offset, results } of this.#shared.pages(this.#job, { offset: booksOf(this.#job.lastEventId), signal: this.#signal })) {
				for (const [i, book] of results.books.entries()) {
					const index = offset + i;
					this.#job.lastEventId = `${this.#job.lastEventId?.split('.')[0] ?? 0}.${index + 1}`;
					yield* this.#via('poll', { type: 'book', index, book });
				}
			}
		} catch (error) {
			// A job that failed has none.
			if (end.status === 'completed' || !(error instanceof Refused) || error.transient) throw error;
		}
	}

	/**
	 * Another transport may have been quicker: progress never goes back.
	 * @param {Transport | undefined} transport
	 * @param {Snapshot} snapshot
	 * @returns {News[]}
	 */
	#progress(transport, snapshot) {
		if (this.#seen && snapshot.progress < this.#seen.progress) return [];
		this.#seen = snapshot;
		return this.#via(transport, { type: 'progress', snapshot });
	}

	/** @param {Transport | undefined} transport @param {News} news @returns {News[]} */
	#via(transport, news) {
		if (!transport || this.#announced === transport) return [news];
		this.#announced = transport;
		return [{ type: 'using', transport }, news];
	}

	/**
	 * @param {StreamEnd} end
	 * @param {BookstrackError} error what the watch ends with, should nothing help
	 * @returns {Generator<News, void, void>}
	 */
	*#ended(end, error = end === 'refused' ? new Protocol('its stream is not one of this API') : new Unreachable('The stream ended early.')) {
		const next = this.#strategy.streamEnded(end, Math.random());
		if (end === 'cut' || next.step === 'probe') this.#next = next;
		else yield this.#lost(error, next);
	}

	/** The server gave a sign of life. */
	#alive() {
		this.#away = 0;
		this.#attempt = { at: performance.now(), pause: 0 };
	}

	/** @param {BookstrackError} error @param {import('./strategy.js').Next} next @returns {News} */
	#lost(error, { pause, step }) {
		const wait = Math.max(pause, Math.min(error.retryAfter ?? 0, 60_000));
		const { http, timing } = this.#shared;
		if (this.#away === undefined && !http.reached) throw error;
		const [at, last] = [performance.now(), this.#attempt];
		// What is more than that, this program stood still: a device that slept, a tab in the background.
		this.#away = (this.#away ?? 0) + Math.min(at - last.at, last.pause + timing.request);
		this.#attempt = { at, pause: wait };
		if (this.#away + wait > timing.longestOutage) throw error;
		this.#next = { pause: wait, step };
		return { type: 'lost', reason: error.message, pause: wait };
	}
}

/** @param {Response} response */
function isEventStream(response) {
	return response.headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase() === EVENT_STREAM;
}

/**
 * What an event says; nothing of one that nobody knows yet.
 * @param {string} event
 * @param {string} data
 * @returns {any}
 */
function bodyOf(event, data) {
	if (event !== 'book' && !PROGRESS.has(event) && !ENDS.has(event)) return null;
	let body;
	try {
		body = JSON.parse(data);
	} catch {
		return 'refused';
	}
	const whole = event === 'timeout' ? body !== null : event === 'book' ? Number.isInteger(body?.index) && body.book : isSnapshot(body);
	return whole ? body : 'refused';
}

/** @param {any} body */
function isSnapshot(body) {
	return typeof body?.status === 'string' && Number.isFinite(body.progress);
}

/** How many books an event id counts. @param {string | null} id */
function booksOf(id) {
	return Number(id?.split('.')[1] ?? 0);
}

/** Whether an event id is a later one; ids of another kind are taken for that. @param {string} id @param {string} last */
function isAfter(id, last) {
	const [seq = NaN, books = 0] = id.split('.').map(Number);
	const [lastSeq = NaN, lastBooks = 0] = last.split('.').map(Number);
	return !(seq < lastSeq || (seq === lastSeq && books <= lastBooks));
}

/**
 * @param {Promise<ReadableStreamReadResult<Uint8Array>>} reading
 * @param {number} ms
 * @returns {Promise<ReadableStreamReadResult<Uint8Array> | 'broken' | 'silent'>}
 */
async function inTime(reading, ms) {
	/** @type {ReturnType<typeof setTimeout> | undefined} */
	let timer;
	const silence = new Promise((resolve) => (timer = setTimeout(resolve, ms, 'silent')));
	try {
		return /** @type {any} */ (await Promise.race([reading.catch(() => 'broken'), silence]));
	} finally {
		clearTimeout(timer);
	}
}

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
export function sleep(ms, signal) {
	return new Promise((resolve, reject) => {
		if (signal?.aborted) return reject(reasonFor(signal));
		const stop = () => (clearTimeout(timer), signal && reject(reasonFor(signal)));
		const timer = setTimeout(() => (signal?.removeEventListener('abort', stop), resolve()), ms);
		signal?.addEventListener('abort', stop, { once: true });
	});
}
