import { Follower } from './follow.js';
import { Job } from './job.js';
import { forgetPhotos, keepPhotos } from './photos.js';

const KEY = 'bookstrack.jobs';
// Results are kept from the end of a job on, which is later than its beginning.
const LONGEST_JOB_MS = 2 * 3600 * 1000;

/** The jobs that this browser has started, newest first, remembered with their tokens, and those it looks at. */
export class Jobs {
	list = [];
	/** Called whenever one of them changes. */
	onchange = null;
	#reviewBelow;

	/** `limits`: the server's, as far as they are known. */
	constructor({ confidenceThreshold, retentionMs = Infinity }) {
		this.#reviewBelow = confidenceThreshold;
		for (const record of remembered()) {
			if (Date.now() - record.createdAt < retentionMs + LONGEST_JOB_MS) this.list.push(this.#follow(record));
			else forgetPhotos(record.id);
		}
	}

	#follow(record, files) {
		const job = new Job(record, this.#reviewBelow, files);
		job.subscribe(() => this.onchange?.());
		job.follower = new Follower(job, Boolean(files));
		return job;
	}

	/** Takes an accepted job. */
	add({ jobId: id, authToken: token, pipeline }, name, files) {
		const record = { id, token, name, pipeline, createdAt: Date.now() };
		if (pipeline === 'ai_scan' && files) keepPhotos(id, files).catch(() => {});
		this.list = [this.#follow(record, files), ...this.list.filter((job) => job.record.id !== id)];
		try {
			localStorage.setItem(KEY, JSON.stringify(this.list.filter(({ lost }) => !lost).map((job) => job.record)));
		} catch {
			// Where nothing may be stored, jobs are remembered as long as the page.
		}
	}

	/** Whoever started it. */
	open(id) {
		const known = this.list.find(({ record }) => record.id === id);
		if (!known) this.list.push(this.#follow({ id }));
		return known ?? this.list.at(-1);
	}

	reconnect() {
		for (const { over, follower } of this.list) if (!over) follower.reconnect();
	}
}

function remembered() {
	try {
		return JSON.parse(localStorage.getItem(KEY)) ?? [];
	} catch {
		return [];
	}
}
