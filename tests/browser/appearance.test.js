import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { barriers, Browser, eventually, percent } from './browser.js';
import { Server, WATCHABLE } from './server.js';

let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start(WATCHABLE), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

const LOOKS = {
	'light': {},
	'dark': { colorScheme: 'dark' },
	'on a phone': { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
	'on a dark phone without motion': { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, colorScheme: 'dark', reducedMotion: 'reduce' },
};

/** Nothing sticks out, and nobody is kept out. */
async function assertGood(page, where) {
	const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
	assert.ok(width[0] <= width[1], `${where} is ${width[0]} wide on ${width[1]}`);
	assert.deepEqual(await barriers(page), [], where);
}

for (const [look, options] of Object.entries(LOOKS)) {
	test(`the page is for everybody, ${look}`, async () => {
		const page = await browser.page(server, options);
		await assertGood(page, 'the first page');
		await page.getByRole('button', { name: 'Try the sample library' }).click();
		await eventually('in the middle', async () => (await page.locator('.percent').count()) && (await percent(page)) > 0);
		await assertGood(page, 'a running import');
		await page.getByRole('heading', { name: /books found/ }).waitFor({ timeout: 60_000 });
		await assertGood(page, 'a finished import');
		await page.getByText('Connection', { exact: true }).click();
		await assertGood(page, 'the connection panel');
		await page.goto('/');
		await page.getByRole('button', { name: 'Try the sample shelf' }).click();
		await page.getByRole('heading', { name: '13 books found' }).waitFor({ timeout: 60_000 });
		await eventually('13 boxes', async () => (await page.locator('.frame rect').count()) === 13);
		await assertGood(page, 'a finished scan');
		await page.goto('/');
		await page.locator('.card').nth(1).waitFor();
		await assertGood(page, 'the list of jobs');
		const [paper] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/));
		assert.equal(Number(paper) < 128, options.colorScheme === 'dark');
		assert.deepEqual(page.problems, []);
		await page.context().close();
	});
}

test('it can be used by keyboard, and says to a screen reader where one is', async () => {
	const page = await browser.page(server);
	const focused = () => page.evaluate(() => document.activeElement.textContent);
	const reach = (name) => eventually(`at ${name}`, async () => (await page.keyboard.press('Tab'), (await focused()) === name));
	await reach('Try the sample library');
	await page.keyboard.press('Enter');
	await page.waitForURL(/#\/jobs\//);
	await eventually('at the heading', async () => (await focused()) === 'library.csv');
	await reach('Cancel');
	page.on('dialog', (dialog) => dialog.accept());
	await page.keyboard.press('Enter');
	await eventually('said', async () => /cancel/i.test(await page.locator('#live').textContent()));
	await page.context().close();
});

test('the page weighs less than 60 KB', async () => {
	const page = await browser.page(server);
	const paths = await page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname));
	const assets = ['/', ...paths.filter((path) => /\.(js|css)$/.test(path))];
	const sizes = await Promise.all(assets.map(async (path) => (await (await fetch(server.url + path)).arrayBuffer()).byteLength));
	const weight = sizes.reduce((a, b) => a + b);
	assert.ok(assets.length > 10 && weight < 60_000, `${assets.length} files, ${weight} bytes`);
	await page.context().close();
});
