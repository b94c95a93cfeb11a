/**
 * Which transports may be used: streams, and polling while streams do not get through (`auto`), or one of them only.
 * @typedef {'auto' | 'sse' | 'poll'} Mode
 */

/**
 * How an attempt to stream ended before the job did. `cut`: it said something, and then ended or broke; `useless`: it
 * ended before it said anything, or the server is busy; `silent`: nothing came in time; `refused`: something else than
 * a stream of this API; `unreachable`: no connection.
 * @typedef {'cut' | 'useless' | 'silent' | 'refused' | 'unreachable'} StreamEnd
 */

/**
 * What to do after `pause` ms. `probe`: ask for the status, to learn whether only streams are in trouble.
 * @typedef {{ pause: number, step: 'stream' | 'probe' | 'poll' }} Next
 */

/**
 * Time limits and pauses, in ms.
 * @typedef {object} Timing
 * @property {number} request for an answer: 30 s
 * @property {number} firstByte for the first byte of a stream, which a server sends at once: 5 s
 * @property {number} idle for any further byte of a stream; a server sends one every 15 s: 40 s
 * @property {number} poll between polls, unless the server says otherwise: 2 s
 * @property {number} retry before a stream is opened again, unless the server says otherwise: 1 s; doubled while it is away
 * @property {number} maxBackoff the longest such pause: 15 s
 * @property {number} longestOutage how long a server that had answered may be away: 5 min
 * @property {number} streamSupport how long it is remembered whether streams get through: 30 min
 */

/** @type {Timing} */
export const TIMING = { request: 30_000, firstByte: 5000, idle: 40_000, poll: 2000, retry: 1000, maxBackoff: 15_000, longestOutage: 300_000, streamSupport: 1_800_000 };

// Fruitless attempts in a row after which it is asked whether streams get through at all.
const DOUBT = 3;

/**
 * Which transport next, and when: knows no clock, no network and no chance. The Rust client (`crates/client`) and the
 * Swift client have the same.
 */
export class Strategy {
	#mode;
	#timing;
	/** What the last stream asked for. @type {number | null} */
	#retry = null;
	#failures = 0;
	/** Whether of the last stream nothing came, no connection or no byte. */
	#mute = false;
	/** Whether the status was answered although nothing came of streams. */
	#answered = false;

	/**
	 * @param {Mode} mode
	 * @param {Timing} timing
	 */
	constructor(mode, timing) {
		this.#mode = mode;
		this.#timing = timing;
	}

	/**
	 * How to begin; `blocked`: streams are known not to get through.
	 * @param {boolean} blocked
	 * @returns {Next}
	 */
	begin(blocked) {
		return { pause: 0, step: this.#mode === 'poll' || (this.#mode === 'auto' && blocked) ? 'poll' : 'stream' };
	}

	/** The stream named the time after which to come back. @param {number} ms */
	setRetry(ms) {
		this.#retry = Math.min(Math.max(ms, 100), this.#timing.maxBackoff);
	}

	/** An event, or a status, has come. */
	succeeded() {
		this.#failures = 0;
		this.#answered = false;
	}

	/**
	 * After a stream. `jitter` is uniform in [0, 1): clients that lost one server do not come back as one.
	 * @param {StreamEnd} end
	 * @param {number} jitter
	 * @returns {Next}
	 */
	streamEnded(end, jitter) {
		if (end === 'cut') {
			this.succeeded();
			return { pause: spread(this.#retry ?? this.#timing.retry, jitter), step: 'stream' };
		}
		this.#failures += 1;
		this.#mute = end === 'unreachable' || end === 'silent';
		const doubtful = end === 'silent' || end === 'refused' || this.#failures >= DOUBT || (this.#mute && this.#answered);
		if (this.#mode === 'auto' && doubtful) return { pause: 0, step: 'probe' };
		return { pause: this.#backoff(jitter), step: 'stream' };
	}

	/**
	 * Whether a probe that was answered says that streams do not get through. Where nothing came of them it takes two: the
	 * network may have come back between stream and probe.
	 */
	blamesStreams() {
		const twice = this.#answered;
		this.#answered = this.#mute;
		return twice || !this.#mute;
	}

	/**
	 * After a probe that failed too: it is the server, not its streams.
	 * @param {number} jitter
	 * @returns {Next}
	 */
	probeFailed(jitter) {
		return { pause: this.#backoff(jitter), step: 'stream' };
	}

	/**
	 * After a poll, or a probe, that was answered; `blocked`: streams are still held to be in trouble.
	 * @param {number | null} retryAfter
	 * @param {boolean} blocked
	 * @returns {Next}
	 */
	polled(retryAfter, blocked) {
		this.#failures = 0;
		const pause = Math.min(Math.max(retryAfter ?? this.#timing.poll, 100), 60_000);
		return { pause, step: this.#mode === 'poll' || (this.#mode === 'auto' && blocked) ? 'poll' : 'stream' };
	}

	/**
	 * After a poll that failed.
	 * @param {number} jitter
	 * @returns {Next}
	 */
	pollFailed(jitter) {
		this.#failures += 1;
		return { pause: this.#backoff(jitter), step: 'poll' };
	}

	/** @param {number} jitter */
	#backoff(jitter) {
		const doublings = Math.min(Math.max(this.#failures - 1, 0), 16);
		return spread(Math.min(this.#timing.retry * 2 ** doublings, this.#timing.maxBackoff), jitter);
	}
}

/** Never earlier than asked for, up to a quarter later. @param {number} pause @param {number} jitter */
function spread(pause, jitter) {
	return pause * (1 + jitter / 4);
}
