// A program without the types of browsers, as Node's are: compiled as strictly as can be, not run.
import { BookstrackClient, type Book, type Job } from 'bookstrack-client';

export async function scan(photo: Uint8Array, library: Uint8Array, signal: AbortSignal | undefined, mode: 'poll' | undefined): Promise<string[]> {
	const client = new BookstrackClient('https://books.example.org', { mode });
	await client.submit({ csv: library }, { signal, key: undefined });
	const job: Job = await client.submit({ photos: [photo, { uri: 'file:///shelf.jpg', name: 'shelf.jpg', type: 'image/jpeg' }] }, { signal });
	for await (const update of client.updates(job, { signal, mode, books: true })) if (update.type === 'book') console.log(told(update.book));
	const chosen = await client.choose(job, 0, { candidate: 0 }, { signal });
	return [told(chosen), ...(await client.results(job, { signal })).books.map(told)];
}

function told(book: Book): string {
	const candidates = book.candidates?.map(({ title, authors }) => `${title} by ${authors.join(', ')}`);
	return [book.title, book.author, book.publicationYear, book.isbn, book.toReview, book.choice, ...(candidates ?? [])].join();
}
