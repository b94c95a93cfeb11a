import { BookstrackError, Protocol, Unreachable } from './errors.js';
import { Http } from './http.js';
import { TIMING } from './strategy.js';
import { Watch, sleep } from './watch.js';

/** @typedef {import('./schema.js').components['schemas']} Schemas */
/** @typedef {import('./strategy.js').Mode} Mode */
/** @typedef {import('./strategy.js').Timing} Timing */
/** @typedef {import('./watch.js').Update} Update */

/**
 * All that an app stores to go on with a job after it was killed: plain JSON.
 * @typedef {{ id: string, token: string | null, lastEventId: string | null }} Job
 */

/** A job as it is. @typedef {Schemas['StatusDocument']} Snapshot */
/** A book of a stream or of results. @typedef {Schemas['Shown']} Book */
/** What a job found: which of them, its kind tells. @typedef {Schemas['ImportResults'] | Schemas['ScanResults'] | Schemas['EnrichmentResults']} Results */
/** Rows of an import that somebody may want to mend. @typedef {Schemas['Rows']} Rows */
/** Which rows: those that could not be read and books that nobody answered about; books that nobody knows; rows with a remark; books of which a person should say which they are. @typedef {'failed' | 'not_found' | 'warnings' | 'review'} Mendable */
/** Which book it is: one of its candidates, what a provider knows by this, or, `null`, none of those. @typedef {Partial<Schemas['ChoiceBody']> | null} Choice */
/** What to try again. @typedef {Schemas['RetriedBody']} Outcome */
/** @typedef {string | Blob | ArrayBuffer | Uint8Array} Data */
/** A photo; in React Native, which cannot send the others, a file. @typedef {Data | { uri: string, name: string, type: string }} PhotoData */

/**
 * What an app knows better of a library's columns: a field, or `ignore`, by a column's header, or its number from 1.
 * @typedef {Record<string, string>} Mapping
 */

/**
 * A job to be: a library as CSV or a workbook (8 MB, 10,000 rows), 1 to 5 photos (JPEG, PNG, WebP; 10 MB each), or 1 to 1,500 books.
 * @typedef {{ csv: Data, mapping?: Mapping | undefined } | { photos: PhotoData[] } | { books: (string | Partial<Schemas['BookBody']>)[] }} Submission
 */

/**
 * @typedef {object} SubmitOptions
 * @property {string | undefined} [key] names the user's action: whoever submits again under the same key gets the same job, for as long as it is kept
 * @property {string | undefined} [clientRef] a text of the app's, at most 256 characters, that the server's webhook says when the job ends
 * @property {boolean | undefined} [keepFailedPhotos] of a scan: keep photos that cannot be looked at as long as the job, so that a retry looks at them again
 * @property {((sent: number, total: number) => void) | undefined} [onProgress] bytes; in between only where the runtime can (browsers, React Native)
 * @property {number | undefined} [resubmissions] how often it is sent again when its answer was lost: 5 times; 0 where a person is asked
 * @property {AbortSignal | undefined} [signal]
 */

/** @typedef {{ streamsWork: boolean, until: number }} StreamSupport whether streams get through to here, till when this holds */

// How often a submission is repeated when its answer was lost; its key makes all of them one job.
const RESUBMISSIONS = 5;
const PAGE = 1500;

/** What all watches of a client share. */
export class Shared {
	http;
	mode;
	timing;
	/** @type {StreamSupport | null} */
	#support = null;

	/** @param {Http} http @param {Mode} mode @param {Timing} timing */
	constructor(http, mode, timing) {
		this.http = http;
		this.mode = mode;
		this.timing = timing;
	}

	get support() {
		return this.#support && this.#support.until > Date.now() ? this.#support : null;
	}

	set support(support) {
		this.#support = support;
	}

	get streamsBlocked() {
		return this.support?.streamsWork === false;
	}

	/** @param {boolean} streamsWork */
	noteStreamSupport(streamsWork) {
		this.#support = { streamsWork, until: Date.now() + this.timing.streamSupport };
	}

	/**
	 * @param {Job | string} job
	 * @param {{ offset?: number | undefined, pageSize?: number | undefined, signal?: AbortSignal | undefined }} options
	 * @returns {AsyncGenerator<{ offset: number, total: number, results: Results }, void, void>}
	 */
	async *pages(job, { offset = 0, pageSize = PAGE, signal } = {}) {
		for (let next = offset; ; ) {
			const { data, metadata } = /** @type {import('./http.js').Answer<Results>} */ (await this.http.call(`${pathOf(job)}/results?offset=${next}&limit=${pageSize}`, { signal }));
			if (!Array.isArray(data?.books)) throw new Protocol('results without books');
			yield { offset: next, total: Number(metadata.total ?? data.books.length), results: data };
			const following = Number(metadata.nextOffset ?? 0);
			if (!(following > next)) return;
			next = following;
		}
	}
}

/** A server of this API. Whoever talks to it through one client shares what is known of its streams. */
export class BookstrackClient {
	#shared;

	/**
	 * @param {string} baseURL a scheme, a host and a port; '' for the page's own server
	 * @param {{ mode?: Mode | undefined, timing?: Partial<Timing> | undefined, fetch?: typeof fetch | undefined }} options
	 */
	constructor(baseURL, { mode = 'auto', timing = {}, fetch = globalThis.fetch.bind(globalThis) } = {}) {
		const limits = { ...TIMING, ...timing };
		this.#shared = new Shared(new Http(serverOf(baseURL), fetch, limits.request), mode, limits);
	}

	/** What is known about this server's streams: an app may store it for its next start. */
	get streamSupport() {
		return this.#shared.support;
	}

	set streamSupport(support) {
		this.#shared.support = support;
	}

	/**
	 * Starts a job. If the answer is lost on the way it is asked for again: that is the same job.
	 * @param {Submission} submission
	 * @param {SubmitOptions} options
	 * @returns {Promise<Job>}
	 */
	async submit(submission, { key = newKey(), clientRef, keepFailedPhotos, onProgress, resubmissions, signal } = {}) {
		const { path, headers, unmeasured, ...upload } = uploadOf(submission);
		// How far it is, is known then, and no limit guessed.
		if (unmeasured) onProgress ??= () => {};
		const parameters = new URLSearchParams({ ...(clientRef !== undefined && { clientRef }), ...(keepFailedPhotos && { keepFailedPhotos: 'true' }) });
		const query = `${parameters}`;
		return jobOf(await this.#begin(query ? `${path}?${query}` : path, { ...upload, headers: { ...headers, 'Idempotency-Key': key }, signal, onProgress }, resubmissions));
	}

	/**
	 * Tries again what an ended job did not find: a new job, whose results are whole. The same request again is answered
	 * with the same job. `photosToSend`: of a scan, the photos (from 0) that could not be looked at and are not kept.
	 * @param {Job} job
	 * @param {{ only?: Outcome[] | undefined, signal?: AbortSignal | undefined }} options `only`: which outcomes; by default those that may succeed at any time
	 * @returns {Promise<Job & { photosToSend?: number[] | undefined }>}
	 */
	async retry(job, { only, signal } = {}) {
		const headers = { ...authorization(job), 'Content-Type': 'application/json' };
		const accepted = await this.#begin(`${pathOf(job)}/retry`, { headers, body: JSON.stringify({ only }), signal });
		const { photosToSend } = accepted;
		return { ...jobOf(accepted), ...(photosToSend && { photosToSend }) };
	}

	/**
	 * Makes a job. Asks again where the answer was lost: what is asked makes it the same job.
	 * @param {string} path
	 * @param {import('./http.js').Request} request
	 * @param {number} resubmissions
	 * @returns {Promise<Schemas['Accepted']>}
	 */
	async #begin(path, request, resubmissions = RESUBMISSIONS) {
		const { http, timing } = this.#shared;
		for (let tries = 1; ; tries += 1) {
			try {
				const { data } = /** @type {import('./http.js').Answer<Schemas['Accepted']>} */ (await http.call(path, { ...request, method: 'POST' }));
				if (!data?.jobId) throw new Protocol('an answer that names no job');
				return data;
			} catch (error) {
				if (!(error instanceof Unreachable) || tries > resubmissions || (!http.reached && tries > sendings(error))) throw error;
				const pause = Math.min(timing.retry * 2 ** (tries - 1), timing.maxBackoff) * (1 + Math.random() / 4);
				await sleep(Math.max(pause, Math.min(error.retryAfter ?? 0, 60_000)), request.signal);
			}
		}
	}

	/**
	 * How an import of a library would read it: columns, first books, problems, look-ups. No job is made.
	 * @param {{ csv: Data, mapping?: Mapping | undefined }} library
	 * @param {{ signal?: AbortSignal | undefined }} options
	 * @returns {Promise<Schemas['Preview']>}
	 */
	preview(library, { signal } = {}) {
		const { path, body, size, headers } = uploadOf(library);
		return this.#ask(`${path}/preview`, { method: 'POST', body, size, headers, signal });
	}

	/**
	 * A job's progress from here to its end: each book (if asked for) exactly once, progress never back, whatever the
	 * network does. Leaving the loop ends the connection and leaves the job alone; so does the signal, which throws.
	 * `mode`: other than the client's.
	 * @param {Job} job
	 * @param {{ books?: boolean | undefined, mode?: Mode | undefined, signal?: AbortSignal | undefined }} options
	 */
	updates(job, options = {}) {
		return new Watch(this.#shared, job, options).updates();
	}

	/**
	 * A job as it is now.
	 * @param {Job | string} job
	 * @param {{ signal?: AbortSignal | undefined }} options
	 * @returns {Promise<Snapshot>}
	 */
	status(job, { signal } = {}) {
		return this.#ask(pathOf(job), { signal });
	}

	/**
	 * What an ended job found, page by page.
	 * @param {Job | string} job
	 * @param {{ offset?: number | undefined, pageSize?: number | undefined, signal?: AbortSignal | undefined }} options
	 */
	pages(job, options = {}) {
		return this.#shared.pages(job, options);
	}

	/**
	 * What an ended job found, whole. Where somebody chooses a book meanwhile, the counts are those of the last page.
	 * @param {Job | string} job
	 * @param {{ pageSize?: number | undefined, signal?: AbortSignal | undefined }} options
	 * @returns {Promise<Results>}
	 */
	async results(job, options = {}) {
		/** @type {any} */
		let whole;
		for await (const { results } of this.#shared.pages(job, options)) {
			for (const name of ['books', 'enrichedBooks']) if (whole?.[name]) /** @type {any} */ (results)[name] = [...whole[name], .../** @type {any} */ (results)[name]];
			whole = results;
		}
		return whole;
	}

	/**
	 * Rows of an ended import that somebody may want to mend, in the order of the file.
	 * @param {Job | string} job
	 * @param {Mendable[]} only
	 * @param {{ signal?: AbortSignal | undefined }} options
	 * @returns {Promise<Rows>}
	 */
	rows(job, only, { signal } = {}) {
		return this.#ask(`${pathOf(job)}/results?only=${encodeURIComponent(only.join(','))}`, { signal });
	}

	/**
	 * The same as CSV, in the columns of the imported file: to be mended and imported again. `['all']`: the whole library, in
	 * the columns of Goodreads.
	 * @param {Job | string} job
	 * @param {Mendable[] | ['all']} only
	 * @param {{ signal?: AbortSignal | undefined }} options
	 * @returns {Promise<string>}
	 */
	async rowsCsv(job, only, { signal } = {}) {
		return this.#shared.http.text(`${pathOf(job)}/results?format=csv&only=${encodeURIComponent(only.join(','))}`, { signal });
	}

	/**
	 * Says which book number `index` of an ended job is, from 0, and answers it as it is then.
	 * @param {Job} job
	 * @param {number} index
	 * @param {Choice} choice
	 * @param {{ signal?: AbortSignal | undefined }} options
	 * @returns {Promise<Book>}
	 */
	choose(job, index, choice, { signal } = {}) {
		const headers = { ...authorization(job), 'Content-Type': 'application/json' };
		return this.#ask(`${pathOf(job)}/books/${index}`, { method: 'PUT', headers, body: JSON.stringify(choice), signal });
	}

	/**
	 * Books that have these words: works, the best first, and a hit for each in short.
	 * @param {string} words
	 * @param {{ page?: number | undefined, limit?: number | undefined, signal?: AbortSignal | undefined }} options `page` from 1, `limit` at most 100
	 * @returns {Promise<Schemas['SuccessfulSearchResultsV2']>}
	 */
	search(words, { page = 1, limit = 20, signal } = {}) {
		return this.#ask(`/api/v2/search?q=${encodeURIComponent(words)}&page=${page}&limit=${limit}`, { signal });
	}

	/**
	 * One book by its ISBN, at once and without a job.
	 * @param {string} isbn
	 * @param {{ signal?: AbortSignal | undefined }} options
	 * @returns {Promise<Schemas['SuccessfulLookedUp']>}
	 */
	lookUp(isbn, { signal } = {}) {
		return this.#ask('/api/v2/books/enrich', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ barcode: isbn }), signal });
	}

	/**
	 * Cancels a job; answers what became true, which may be `completed`.
	 * @param {Job} job
	 * @param {{ signal?: AbortSignal | undefined }} options
	 * @returns {Promise<Schemas['Canceled']>}
	 */
	cancel(job, { signal } = {}) {
		return this.#ask(pathOf(job), { method: 'DELETE', headers: authorization(job), signal });
	}

	/**
	 * What the server has and every limit.
	 * @returns {Promise<Schemas['Capabilities']>}
	 */
	capabilities() {
		return this.#ask('/api/v2/capabilities');
	}

	/** @param {string} path @param {import('./http.js').Request} request @returns {Promise<any>} */
	async #ask(path, request = {}) {
		return (await this.#shared.http.call(path, request)).data;
	}
}

/** @param {Job | string} job */
function pathOf(job) {
	return `/api/v2/imports/${encodeURIComponent(typeof job === 'string' ? job : job.id)}`;
}

/** @param {Job} job @returns {Record<string, string>} */
function authorization({ token }) {
	return token ? { Authorization: `Bearer ${token}` } : {};
}

/** @param {Schemas['Accepted']} accepted @returns {Job} */
function jobOf({ jobId, authToken }) {
	return { id: jobId, token: authToken ?? null, lastEventId: null };
}

/** Without `URL`, of which React Native has only a part. @param {string} baseURL */
function serverOf(baseURL) {
	if (!baseURL && globalThis.location) return '';
	const [, origin] = /^(https?:\/\/[^\s/?#@]+)\/?$/i.exec(baseURL) ?? [];
	if (!origin) throw new TypeError(`${baseURL} is no server address: it has the form http://host:port or https://host`);
	return origin;
}

/**
 * @param {Submission} submission
 * @returns {{ path: string, body: BodyInit, size: number, unmeasured?: boolean, headers: Record<string, string> }}
 */
function uploadOf(submission) {
	if ('csv' in submission) {
		const { csv, mapping } = submission;
		return { path: '/api/v2/imports', body: /** @type {BodyInit} */ (csv), size: sizeOf(csv), headers: { 'Content-Type': libraryType(csv), ...(mapping && { 'X-Import-Mapping': ascii(mapping) }) } };
	}
	if ('photos' in submission) {
		const body = new FormData();
		let [size, unmeasured] = [0, false];
		for (const [i, photo] of submission.photos.entries()) {
			// @ts-ignore React Native's form takes the file's address
			if (photo.uri) (unmeasured = true), body.append('photos', photo);
			else {
				const blob = photo instanceof Blob ? photo : new Blob([/** @type {BlobPart} */ (photo)], { type: 'image/jpeg' });
				body.append('photos', blob, 'name' in blob ? String(blob.name) : `photo-${i}`);
				size += blob.size;
			}
		}
		return { path: '/api/batch-scan', body, size, unmeasured, headers: {} };
	}
	const { books } = submission;
	const named = books.every((book) => typeof book === 'string') ? { barcodes: books } : { books: books.map((book) => (typeof book === 'string' ? { isbn: book } : book)) };
	const body = JSON.stringify(named);
	return { path: '/api/batch-enrich', body, size: body.length, headers: { 'Content-Type': 'application/json' } };
}

/** What a browser says of a workbook; the server looks for itself. @param {Data} library */
function libraryType(library) {
	return library instanceof Blob && /spreadsheet/.test(library.type) ? library.type : 'text/csv';
}

/** JSON that fits a header. @param {unknown} value */
function ascii(value) {
	return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** @param {Data} data */
function sizeOf(data) {
	if (typeof data === 'string') return new TextEncoder().encode(data).length;
	return data instanceof Blob ? data.size : data.byteLength;
}

/**
 * How often to submit to a server that has never answered: what cannot have been sent is not lost. Browsers do not say.
 * @param {Unreachable} error
 */
function sendings({ cause }) {
	const { code } = /** @type {{ code?: string }} */ (cause instanceof Error && cause.cause ? cause.cause : {});
	if (!code) return 1;
	return code === 'ECONNREFUSED' || code === 'ENOTFOUND' ? 0 : RESUBMISSIONS;
}

/**
 * Not to be guessed: who knows the key gets the job. `crypto.randomUUID` is missing on plain http addresses; React Native
 * needs the package react-native-get-random-values.
 */
function newKey() {
	return [...crypto.getRandomValues(new Uint32Array(4))].map((n) => n.toString(16).padStart(8, '0')).join('-');
}

export { BookstrackError };
