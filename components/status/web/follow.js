import { ApiError } from './api.js';
import { pause, poll, sse, ws } from './transports.js';

// Of six connections to an origin that browsers open over HTTP/1.1.
const MAX_STREAMS = 4;
const POLL_INSTEAD_MS = 60_000;
const LONGEST_WAIT_MS = 30_000;

let streams = 0;

/**
 * Keeps a job up to date until it is over, whatever happens to the connection.
 * `choice`: sse, ws, poll, or auto: the stream, and polling while streams do not get through.
 */
export class Follower {
	choice = 'auto';
	#job;
	#connection = new AbortController();
	#pollUntil = 0;

	/** A job that may be over already is asked for its status before anything is streamed. */
	constructor(job, fresh) {
		this.#job = job;
		this.#pollUntil = fresh ? 0 : Date.now() + 100;
		this.#run().catch((error) => job.lose(error));
	}

	/** Ends the connection or the wait for one. */
	reconnect() {
		this.#connection.abort();
	}

	switchTo(choice) {
		this.choice = choice;
		this.#pollUntil = 0;
		this.reconnect();
	}

	async #run() {
		const job = this.#job;
		for (let failures = 0; !job.over; ) {
			const { signal } = (this.#connection = new AbortController());
			const transport = this.#pick();
			let end = {};
			let works = false;
			const heard = () => {
				works = true;
				job.connect('live', transport);
			};
			if (!job.connection.state) job.connect('connecting');
			streams += transport === 'sse';
			try {
				end = await { sse, ws, poll }[transport](job, signal, heard, this.choice === 'poll' ? Infinity : this.#pollUntil);
			} catch (error) {
				if (error instanceof ApiError && !error.retryable) throw error;
				if (!(error instanceof ApiError || error instanceof TypeError || signal.aborted)) throw error;
				end = { retryMs: error.retryAfterMs };
			} finally {
				streams -= transport === 'sse';
			}
			if (job.over) break;
			failures = works ? 0 : failures + 1;
			if (signal.aborted && navigator.onLine) continue;
			// A refused stream may be a restart; the third looks like something that lets none through.
			if (transport === 'sse' && (end.silent || failures % 3 === 2)) this.#pollUntil = Date.now() + POLL_INSTEAD_MS;
			if (transport === 'ws' && end.silent) {
				job.note('The WebSocket was refused: the stream is used instead.');
				this.choice = 'auto';
			}
			const pace = works ? 1000 : (end.retryMs ?? Math.min(1000 * 1.6 ** failures, LONGEST_WAIT_MS));
			const wait = end.planned ? end.retryMs : pace * (0.8 + Math.random() * 0.4);
			if (!end.planned) job.connect('lost', null, Date.now() + wait);
			this.#connection = new AbortController();
			await pause(wait, this.#connection.signal);
		}
	}

	#pick() {
		if (this.choice !== 'auto') return this.choice;
		if (streams >= MAX_STREAMS) this.#pollUntil = Date.now() + LONGEST_WAIT_MS;
		return Date.now() < this.#pollUntil ? 'poll' : 'sse';
	}
}
