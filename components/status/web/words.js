import { h } from './dom.js';

const KINDS = { csv_import: 'Library import', ai_scan: 'Shelf scan', batch_enrichment: 'Book look-up' };

/** What a job is; nobody knows what an address should have led to where no job is. */
export const kindOf = ({ pipeline, lost, state, record }) => (lost && !state.pipeline && !record.pipeline ? 'Unknown job' : KINDS[pipeline]);

export const nameOf = (job) => job.record.name ?? kindOf(job);

export const percentOf = ({ state }) => `${Math.floor(state.progress * 100)}%`;

/** A job's stages, each [name, past | now | next]. */
export function stagesOf({ pipeline, state }) {
	const here = Math.max(0, ['queued', 'analyzing', 'enriching', 'complete'].indexOf(state.stage));
	const reading = { csv_import: 'Reading the file', ai_scan: 'Reading the spines' }[pipeline];
	return ['Waiting', reading, 'Looking up books', 'Done'].map((name, i) => [name, i < here ? 'past' : i > here ? 'next' : 'now']).filter(([name]) => name);
}

const count = (number) => number.toLocaleString();

/** What is done, how fast, how long still. */
export function countsOf({ state, rate, leftMs }) {
	const { totalCount, processedCount, failureCount, message } = state;
	if (!totalCount) return message ?? 'Waiting to start';
	const parts = [`${count(processedCount)} of ${count(totalCount)}`];
	if (failureCount) parts.push(`${count(failureCount)} not found`);
	if (rate) parts.push(rate >= 1 ? `${Math.round(rate)} a second` : `${Math.ceil(rate * 60)} a minute`);
	if (leftMs) parts.push(leftMs < 90_000 ? `about ${Math.ceil(leftMs / 1000)} s left` : `about ${Math.round(leftMs / 60_000)} min left`);
	return parts.join(' · ');
}

/** One line for the list of jobs. */
export function briefOf(job) {
	const { state } = job;
	if (job.lost) return job.lost.message;
	if (job.over) return state.error?.userMessage ?? state.message ?? state.status;
	if (job.connection.state === 'lost') return 'Connection lost, trying again';
	const [stage] = stagesOf(job).find(([, at]) => at === 'now');
	return state.totalCount ? `${stage}, ${count(state.processedCount)} of ${count(state.totalCount)}` : stage;
}

/** The figures of an ended job. */
export function figuresOf({ pipeline, state, results }) {
	const r = results ?? {};
	const figures = {
		csv_import: [['Rows', r.rows], ['Books', r.booksCreated], ['Found', r.enrichmentSucceeded], ['Not found', r.enrichmentFailed], ['To review', r.toReview], ['Duplicates', r.duplicatesSkipped], ['Rows left out', r.rowsRejected]],
		ai_scan: [['Books', r.totalDetected], ['Sure', r.approved], ['To review', r.needsReview], ['In catalogues', r.metadata?.enrichedCount]],
		batch_enrichment: [['Books', state.totalCount], ['Found', state.successCount], ['Not found', state.failureCount]],
	}[pipeline].filter(([, value]) => value != null);
	const ms = state.summary?.duration ?? state.elapsedMs;
	if (ms) figures.push(['Seconds', +(ms / 1000).toPrecision(3)]);
	return h('dl.figures', figures.map(([name, value]) => h('div', h('dt', name), h('dd', value.toLocaleString()))));
}

// What the server's own messages leave open.
const ADVICE = {
	E_CSV_PARSE_FAILED: 'Exports of reading apps work as they are; other lists need a column of titles or of ISBNs.',
	E_CSV_TOO_MANY_ROWS: 'Split the file.',
	E_NO_BOOKS_FOUND: 'Try from closer, with whole spines, in daylight, without flash.',
	E_IMAGE_INVALID: 'Save the picture again as JPEG and choose that.',
	E_VISION_NOT_CONFIGURED: 'This server reads no spines, but ISBN barcodes: photograph the backs.',
	E_VISION_TIMEOUT: 'Try again, or photograph fewer books at a time.',
	UNAUTHORIZED: 'Only the browser that started a job can cancel it.',
};

/** What happened, what to do, and what to tell whoever is asked for help. */
export function explain(error) {
	if (error instanceof TypeError || error.kind === 'unreachable') return { title: 'The server could not be reached.', advice: 'Check your connection, then try again.' };
	if (error.kind === 'gone') return { title: 'There is no job at this address.', advice: 'It has expired, or the address is not whole.', detail: `${error.code}: ${error.message}` };
	const { code, message, userMessage, retryable } = error;
	return {
		title: userMessage ?? message ?? 'Something went wrong.',
		advice: ADVICE[code?.replace('GEMINI', 'VISION')] ?? (retryable ? 'Try again in a moment.' : ''),
		detail: userMessage ? `${code}: ${message}` : code,
	};
}
