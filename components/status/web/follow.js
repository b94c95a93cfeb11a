import { BookstrackError, Gone } from './client/index.js';
import { overhear, server } from './server.js';
import { socket } from './socket.js';

// Of six connections to an origin that browsers open over HTTP/1.1.
const MAX_STREAMS = 4;
const LONGEST_WAIT_MS = 30_000;
// What cannot be a job's name is asked for nowhere: an address may be longer than a request.
const NAME = /^[\w-]{1,100}$/;

let streams = 0;
/** Those that poll because there are enough streams. */
const crowd = new Set();

/**
 * Keeps a job up to date until it is over, whatever happens to the connection.
 * `choice`: sse, ws, poll, or auto: the stream, and polling while streams do not get through.
 */
export class Follower {
	choice = 'auto';
	#job;
	#connection = new AbortController();
	#failures = 0;

	/** A job that may be over already is asked for its status before anything is streamed. */
	constructor(job, fresh) {
		this.#job = job;
		job.connect('connecting');
		const deafen = overhear(job.url, (way, bytes) => {
			job.meters[way].bytes += bytes;
			this.#heard(way);
			if (way === 'poll' && !bytes) job.meters.poll.message();
		});
		this.#run(fresh).catch((error) => job.lose(error)).finally(deafen);
	}

	/** Ends the connection or the wait for one. */
	reconnect() {
		this.#connection.abort();
	}

	switchTo(choice) {
		this.choice = choice;
		this.reconnect();
	}

	async #run(known) {
		const job = this.#job;
		if (!NAME.test(job.record.id)) throw new Gone(404, { code: 'NOT_FOUND', message: 'No job can have this id' });
		while (!job.over) {
			const { signal } = (this.#connection = new AbortController());
			try {
				if (!known) job.apply(await server.status(job.record.id, { signal }));
				known = true;
				if (job.over) break;
				await (this.choice === 'ws' ? this.#socket(signal) : this.#watch(signal));
			} catch (error) {
				if (signal.aborted) continue;
				if (!(error instanceof BookstrackError && error.transient)) throw error;
				this.#failures += 1;
				await this.#lost(error.retryAfter ?? Math.min(1000 * 1.6 ** this.#failures, LONGEST_WAIT_MS), signal);
			}
		}
	}

	async #watch(signal) {
		const job = this.#job;
		const { id, token } = job.record;
		const crowded = this.choice === 'auto' && streams >= MAX_STREAMS;
		const mode = crowded ? 'poll' : this.choice;
		if (crowded) crowd.add(this);
		streams += mode !== 'poll';
		try {
			let way;
			for await (const update of server.updates({ id, token, lastEventId: job.lastEventId ?? null }, { books: mode !== 'poll', mode, signal })) {
				job.lastEventId = update.job.lastEventId;
				if (update.type === 'using') job.meters[(way = update.transport)].connected();
				else if (update.type === 'lost') job.connect('lost', null, Date.now() + update.pause);
				// Polling brings no books: they are fetched with the results.
				else if (way === 'sse' || update.type !== 'book') job.meters[way].message(update.snapshot?.updatedAt);
				if (update.type === 'book') job.addBook(update);
				else if (update.type === 'timeout') job.note(`${update.message}. The job may still go on.`);
				else if (update.snapshot) job.apply(update.snapshot);
			}
		} finally {
			crowd.delete(this);
			streams -= mode !== 'poll';
			if (mode !== 'poll') crowd.values().next().value?.reconnect();
		}
		if (!job.over) await pause(1000, signal);
	}

	async #socket(signal) {
		const worked = await socket(this.#job, signal, () => this.#heard('ws'));
		if (this.#job.over || signal.aborted) return;
		if (worked) return this.#lost(1000, signal);
		this.#job.note('The WebSocket was refused: the stream is used instead.');
		this.choice = 'auto';
	}

	#heard(way) {
		this.#failures = 0;
		this.#job.connect('live', way);
	}

	/** Waits before another attempt: somewhat longer or shorter, so that pages do not come back as one. */
	async #lost(ms, signal) {
		const wait = ms * (0.8 + Math.random() * 0.4);
		this.#job.connect('lost', null, Date.now() + wait);
		await pause(wait, signal);
	}
}

/** Waits, or less when aborted. */
function pause(ms, signal) {
	return new Promise((resolve) => {
		setTimeout(resolve, ms);
		signal.addEventListener('abort', resolve);
	});
}
