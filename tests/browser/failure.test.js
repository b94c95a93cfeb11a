import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { barriers, Browser } from './browser.js';
import { Server } from './server.js';

let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start(), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

const file = (name, mimeType, content) => ({ name, mimeType, buffer: Buffer.from(content) });

/** Sends the file and resolves to the page when it says so. */
async function says(upload, ...sentences) {
	const page = await browser.page(server);
	await page.locator('#pick').setInputFiles(upload);
	for (const sentence of sentences) await page.getByText(sentence).first().waitFor();
	assert.deepEqual(await barriers(page), []);
	assert.deepEqual(page.problems, []);
	return page;
}

test('a table that lists no books is explained', async () => {
	const page = await says(file('trees.csv', 'text/csv', 'height,age\n12,40\n'), /Exports of reading apps/, /E_CSV_PARSE_FAILED/);
	await page.getByRole('link', { name: 'Choose another file' }).click();
	await page.getByRole('heading', { name: 'Your books, found.' }).waitFor();
	await page.context().close();
});

test('an empty table is explained', async () => {
	const page = await says(file('none.csv', 'text/csv', 'Title,Author\n'), /E_CSV_EMPTY/);
	await page.context().close();
});

test('a picture that is none is refused before it becomes a job, and can be put away', async () => {
	const page = await says(file('shelf.jpg', 'image/jpeg', 'not a picture'), /shelf\.jpg/, /Photo 1/);
	assert.equal(await page.locator('.card.failed').count(), 1);
	await page.getByRole('button', { name: 'Remove' }).click();
	await page.locator('.card').waitFor({ state: 'detached' });
	await page.context().close();
});

test('rows that cannot be read are told of, and the others imported', async () => {
	const csv = 'Title,Author,ISBN\nBabel,R. F. Kuang,9780063021426\n,Nobody,\nEmma,Jane Austen,123\n';
	const page = await says(file('some.csv', 'text/csv', csv), /of 2 books found/, /Row 3 · left out/, /Row 4/);
	await page.context().close();
});

test('an address without a job says so', async () => {
	const page = await browser.page(server);
	await page.goto('/#/jobs/00000000-0000-4000-8000-000000000000');
	await page.getByText(/No job with this id/).waitFor();
	assert.deepEqual(await barriers(page), []);
	await page.context().close();
});

for (const [what, address] of Object.entries({
	'half an escape': '%',
	'half a character': '%E0%A4%A',
	'a slash': 'a/b',
	'signs that no name has': '%3Cb%3E%00%22',
	'more than any request holds': 'a'.repeat(200_000),
})) {
	test(`an address with ${what} leads to no job, and home`, async () => {
		const page = await browser.page(server);
		await page.goto(`/#/jobs/${address}`);
		await page.getByRole('heading', { name: 'There is no job at this address.' }).waitFor();
		await page.getByRole('heading', { name: 'Unknown job' }).waitFor();
		assert.ok(!(await page.locator('main').textContent()).includes('jobId'));
		assert.deepEqual(await barriers(page), []);
		await page.getByRole('link', { name: 'All jobs' }).click();
		await page.getByRole('heading', { name: 'Your books, found.' }).waitFor();
		assert.deepEqual(page.problems, []);
		await page.context().close();
	});
}

test('an address of no page leads home', async () => {
	for (const address of ['#/', '#/jobs', '#/jobs/', '#/nowhere', '#%', '#/operators']) {
		const page = await browser.page(server);
		await page.goto(`/${address}`);
		await page.getByRole('heading', { name: 'Your books, found.' }).waitFor();
		assert.deepEqual(page.problems, []);
		await page.context().close();
	}
});

test('a server that cannot be reached is said to be, and the upload can be sent again', async () => {
	const page = await browser.page(server);
	await page.route('**/api/v2/imports', (route) => route.abort());
	await page.getByRole('button', { name: 'Try the sample library' }).click();
	await page.getByText('The server could not be reached.').waitFor();
	await page.unroute('**/api/v2/imports');
	await page.getByRole('button', { name: 'Try again' }).click();
	await page.locator('.card', { hasText: /\d+ of \d+ books found/ }).waitFor();
	await page.context().close();
});

test('without the sandbox there are no samples', async () => {
	const plain = await Server.start({ sandbox: false });
	try {
		const page = await browser.page(plain);
		await page.getByRole('heading', { name: 'Your books, found.' }).waitFor();
		assert.equal(await page.getByRole('button', { name: /sample/ }).count(), 0);
		assert.ok(await page.locator('#sandbox').isHidden());
		for (const name of ['library.csv', 'shelf.jpg']) assert.equal((await fetch(`${plain.url}/sandbox/${name}`)).status, 404);
	} finally {
		await plain.stop();
	}
});
