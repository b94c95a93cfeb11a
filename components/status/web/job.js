import { toBook } from './book.js';
import { server } from './server.js';

/** What came over one transport. */
class Meter {
	messages = 0;
	bytes = 0;
	#latencies = [];
	#fresh = false;

	connected() {
		this.#fresh = false;
		return this;
	}

	/** `changed`: when the job took the step that the message tells of, if any. */
	message(changed) {
		this.messages += 1;
		if (!changed) return;
		// A connection's first snapshot is as old as the job's last step, and tells nothing of the way here.
		if (this.#fresh) this.#latencies.push(Math.max(0, Date.now() - new Date(changed)));
		this.#fresh = true;
	}

	/** The median of the last 99. */
	get latencyMs() {
		const sorted = this.#latencies.slice(-99).sort((a, b) => a - b);
		return sorted[sorted.length >> 1];
	}
}

/** One job as this page knows it: fed by its Follower, shown by whoever subscribes. */
export class Job {
	state = { status: 'initialized', stage: 'queued', progress: 0, processedCount: 0, totalCount: 0 };
	books = [];
	/** Grows when books are replaced, not added to. */
	edition = 0;
	results = null;
	/** {state: live | lost | connecting, transport, since, retryAt, back} */
	connection = {};
	/** Why the job cannot be shown. */
	lost = null;
	meters = { sse: new Meter(), ws: new Meter(), poll: new Meter() };
	#listeners = new Set();

	/** `record`, what the browser remembers: {id, token, name, pipeline, createdAt}; `files`, if this page sent them. */
	constructor(record, files) {
		Object.assign(this, { record, files });
		this.url = `/api/v2/imports/${encodeURIComponent(record.id)}`;
	}

	get pipeline() {
		return this.state.pipeline ?? this.record.pipeline ?? 'csv_import';
	}

	get over() {
		return ['completed', 'failed', 'canceled'].includes(this.state.status);
	}

	subscribe(listener) {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	#tell() {
		for (const listener of this.#listeners) listener();
	}

	/** Takes a snapshot from any transport. An outcome is final, and progress never goes back. */
	apply(snapshot) {
		const { state } = this;
		if (this.over) return;
		const now = Date.now();
		this.state = { ...state, ...snapshot, progress: Math.max(state.progress, snapshot.progress), at: now };
		if (this.hint?.until < now) this.hint = null;
		this.#tell();
	}

	addBook({ index, book }) {
		this.books[index] = toBook(book, index);
		this.#tell();
	}

	note(text) {
		this.hint = { text, until: Date.now() + 8000 };
		this.#tell();
	}

	connect(state, transport, retryAt) {
		const was = this.connection;
		if (state === 'live' && was.state === 'live' && was.transport === transport) return;
		this.connection = { state, transport, retryAt, back: was.state === 'lost', since: Date.now() };
		this.#tell();
	}

	lose(error) {
		this.lost = error;
		this.#tell();
	}

	get rate() {
		return (this.state.processedCount * 1000) / this.state.elapsedMs || 0;
	}

	get leftMs() {
		const { etaMs, at } = this.state;
		return etaMs && Math.max(0, etaMs - (Date.now() - at));
	}

	/** The final list, with what no stream carries: rows, duplicates, remarks, each photo's fate. */
	async loadResults() {
		const books = [];
		let results = {};
		try {
			for await (const { offset, results: page } of server.pages(this.record.id)) {
				if (!offset) results = page;
				for (const raw of page.books ?? []) books.push(toBook(raw, books.length));
			}
		} catch (error) {
			results = { ...results, problem: `Not all results could be fetched. ${error.message}` };
		}
		if (books.some((book, i) => ['title', 'isbn', 'state'].some((name) => book[name] !== this.books[i]?.[name]))) this.edition += 1;
		if (books.length) this.books = books;
		this.results = results;
		this.#tell();
	}

	/** Whether it can be said which books those are that were not found: the browser that started it may. */
	get choosable() {
		return Boolean(this.over && this.results && this.record.token && this.pipeline !== 'batch_enrichment');
	}

	/** Takes a book as it is once somebody has said which it is, and the counts that follow. */
	async chosen(index, raw) {
		this.books[index] = toBook(raw, index);
		this.edition += 1;
		this.#tell();
		await this.loadResults();
	}

	/** Asks for the end; how the job ended comes the usual way. */
	cancel() {
		return server.cancel(this.record);
	}
}
