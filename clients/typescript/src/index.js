/**
 * A client of bookstrack: submit a job, follow it to its end, fetch what it found. See docs/clients.md.
 *
 *     const client = new BookstrackClient('https://books.example.org');
 *     const job = await client.submit({ csv });
 *     for await (const update of client.updates(job, { books: true })) {
 *       localStorage.job = JSON.stringify(update.job); // all that is needed to go on after a crash
 *       if (update.type === 'book') show(update.book);
 *     }
 *     const { books } = await client.results(job);
 */
export { BookstrackClient } from './client.js';
export { BookstrackError, Gone, Protocol, Refused, Unreachable } from './errors.js';
export { Parser } from './sse.js';
export { Strategy, TIMING } from './strategy.js';

/** @typedef {import('./client.js').Job} Job */
/** @typedef {import('./client.js').Snapshot} Snapshot */
/** @typedef {import('./client.js').Book} Book */
/** @typedef {import('./client.js').Results} Results */
/** @typedef {import('./client.js').Submission} Submission */
/** @typedef {import('./client.js').Mapping} Mapping */
/** @typedef {import('./client.js').Rows} Rows */
/** @typedef {import('./client.js').Mendable} Mendable */
/** @typedef {import('./client.js').Outcome} Outcome */
/** @typedef {import('./client.js').Choice} Choice */
/** @typedef {import('./client.js').StreamSupport} StreamSupport */
/** @typedef {import('./watch.js').Update} Update */
/** @typedef {import('./strategy.js').Mode} Mode */
/** @typedef {import('./strategy.js').Timing} Timing */
