// Imports a library, or goes on with a job that an earlier run began:
//
//     node examples/import.js http://127.0.0.1:3000 library.csv
//
// The job is kept in a file beside the library until it is over: kill this and start it again. Before there is a job it is
// the key, so that a kill in between does not import twice.
import { readFile, rm, writeFile } from 'node:fs/promises';
import { BookstrackClient, Gone } from '../src/index.js';

const [server = '', library = ''] = process.argv.slice(2);
const stored = `${library}.job`;
const client = new BookstrackClient(server);

/** @type {import('../src/index.js').Job | { key: string }} */
const begun = await readFile(stored, 'utf8').then(JSON.parse, () => ({ key: crypto.randomUUID() }));
await writeFile(stored, JSON.stringify(begun));
const job = 'id' in begun ? begun : await client.submit({ csv: await readFile(library) }, { key: begun.key });
await writeFile(stored, JSON.stringify(job));
try {
	await follow();
} catch (error) {
	if (!(error instanceof Gone)) throw error;
	console.log(error.message);
}
await rm(stored);

async function follow() {
	for await (const update of client.updates(job, { books: true })) {
		if (update.type === 'progress') console.log(`${update.snapshot.processedCount} of ${update.snapshot.totalCount}`);
		else if (update.type === 'book') console.log(`  ${update.index}: ${update.book.title}`);
		else if (update.type === 'completed') console.log(`${update.snapshot.successCount} of ${update.snapshot.totalCount} books found`);
		else if (update.type === 'failed') console.log(update.snapshot.error?.userMessage ?? update.snapshot.status);
		else if (update.type === 'timeout') console.log(update.message);
		else if (update.type === 'using') console.log(`by ${update.transport}`);
		else console.log(`${update.reason} Again in ${Math.round(update.pause)} ms.`);
		await writeFile(stored, JSON.stringify(update.job));
	}
}
