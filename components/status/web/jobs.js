import { forgetPhotos, keepPhotos } from './photos.js';

const KEY = 'bookstrack.jobs';
// Results are kept from the end of a job on, which is later than its beginning.
const LONGEST_JOB_MS = 2 * 3600 * 1000;

/** The jobs that this browser has started, newest first, remembered with their tokens, and those it looks at. */
export class Jobs {
	list = [];
	/** Called whenever one of them changes. */
	onchange = null;
	#retentionMs;

	/** `limits`: the server's, as far as they are known. */
	constructor({ retentionMs = Infinity }) {
		this.#retentionMs = retentionMs;
	}

	/** Goes on with those that this browser has started. */
	async resume() {
		for (const record of remembered()) {
			if (Date.now() - record.createdAt < this.#retentionMs + LONGEST_JOB_MS) this.list.push(await this.#follow(record));
			else forgetPhotos(record.id);
		}
	}

	async #follow(record, files) {
		// Fetched with the first job: a page that has none is light without it.
		const [{ Job }, { Follower }, { noticeOfEnd }] = await Promise.all([import('./job.js'), import('./follow.js'), import('./notices.js')]);
		const job = new Job(record, files);
		job.subscribe(() => this.onchange?.());
		noticeOfEnd(job);
		job.follower = new Follower(job, Boolean(files));
		return job;
	}

	/** Takes a job that was just started: its kind and name, and the files, if this page has sent them. */
	async add({ id, token }, { pipeline, name, files }) {
		const record = { id, token, name, pipeline, createdAt: Date.now() };
		if (pipeline === 'ai_scan' && files) keepPhotos(id, files).catch(() => {});
		const job = await this.#follow(record, files);
		this.list = [job, ...this.list.filter((job) => job.record.id !== id)];
		try {
			localStorage.setItem(KEY, JSON.stringify(this.list.filter(({ lost }) => !lost).map((job) => job.record)));
		} catch {
			// Where nothing may be stored, jobs are remembered as long as the page.
		}
	}

	/** Whoever started it. */
	async open(id) {
		const known = () => this.list.find(({ record }) => record.id === id);
		if (!known()) {
			const job = await this.#follow({ id });
			if (!known()) this.list.push(job);
		}
		return known();
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
