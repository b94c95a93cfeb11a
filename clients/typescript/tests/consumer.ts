// How a TypeScript program uses the published types: compiled strictly, not run.
import { BookstrackClient, BookstrackError, Gone, Refused, type Job, type Update } from 'bookstrack-client';

export async function importLibrary(csv: Blob, stored: string | null, signal: AbortSignal): Promise<string[]> {
	const client = new BookstrackClient('https://books.example.org', { timing: { poll: 5000 } });
	const job: Job = stored ? (JSON.parse(stored) as Job) : await client.submit({ csv }, { onProgress: (sent: number, total: number) => console.log(sent / total), signal });
	for await (const update of client.updates(job, { books: true, signal })) console.log(told(update));
	try {
		const { books } = await client.results(job);
		return books.map(({ title }) => title);
	} catch (error) {
		if (error instanceof Gone) return [];
		if (error instanceof Refused && error.code === 'NOT_READY') return [String(error.retryAfter)];
		if (error instanceof BookstrackError && error.kind === 'unreachable') return [error.message];
		throw error;
	}
}

function told(update: Update): string {
	switch (update.type) {
		case 'progress': return `${update.snapshot.processedCount} of ${update.snapshot.totalCount}`;
		case 'completed': return `${update.snapshot.successCount} found`;
		case 'failed': return update.snapshot.error?.userMessage ?? update.snapshot.status;
		case 'timeout': return update.message;
		case 'book': return update.book.title;
		case 'using': return update.transport;
		case 'lost': return `${update.reason}; again in ${update.pause} ms, after ${update.job.lastEventId}`;
		default: return update satisfies never;
	}
}
