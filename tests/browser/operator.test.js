import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { barriers, Browser, eventually } from './browser.js';
import { Server } from './server.js';

const TOKEN = 'the-operator-of-the-browser-tests';
let server, browser;
before(async () => ([server, browser] = await Promise.all([Server.start({ delay: '8s', variables: { operator_token: TOKEN, tuning: 'wave_items=30 remember_books=0' } }), Browser.start()])));
after(() => Promise.all([server?.stop(), browser?.stop()]));

const LOOKS = {
	'light': {},
	'on a dark phone': { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, colorScheme: 'dark' },
};

async function assertGood(page, where) {
	const width = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
	assert.ok(width[0] <= width[1], `${where} is ${width[0]} wide on ${width[1]}`);
	assert.deepEqual(await barriers(page), [], where);
}

async function signIn(page) {
	await page.getByLabel('The operator’s token').fill(TOKEN);
	await page.keyboard.press('Enter');
	await page.getByRole('heading', { name: 'Providers' }).waitFor();
}

for (const [look, options] of Object.entries(LOOKS)) {
	test(`an operator sees, ends and retries jobs, ${look}`, async () => {
		const page = await browser.page(server, options);
		await page.getByRole('button', { name: 'Try the sample library' }).click();
		await page.waitForURL(/#\/jobs\//);
		const id = page.url().split('/').at(-1);
		await page.goto('/#/operator');
		await page.getByLabel('The operator’s token').waitFor();
		await assertGood(page, 'the form');
		await page.getByLabel('The operator’s token').fill('the-token-of-somebody-else');
		await page.getByRole('button', { name: 'Look' }).click();
		await page.getByText('This is not the operator’s token.').waitFor();
		assert.equal(await page.evaluate(() => sessionStorage.length), 0);
		await signIn(page);
		await assertGood(page, 'the overview');
		assert.ok(!(await page.locator('main').textContent()).includes('library.csv'));
		await page.getByRole('link', { name: id.slice(0, 8) }).click();
		await page.getByRole('heading', { name: 'Course' }).waitFor();
		await page.getByRole('region', { name: 'Moments' }).waitFor();
		await assertGood(page, 'a timeline');
		page.on('dialog', (dialog) => dialog.accept());
		await page.getByRole('button', { name: `End ${id}` }).click();
		await page.getByRole('heading', { name: /canceled/ }).waitFor();
		await page.getByRole('button', { name: `Retry ${id}` }).waitFor();
		// Without another reload the token is still known, and in no other place than this tab's.
		await page.reload();
		await page.getByRole('heading', { name: /canceled/ }).waitFor();
		assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('the-operator')), false);
		await page.getByRole('button', { name: `Retry ${id}` }).click();
		await eventually('at the new job or told why not', async () => !page.url().endsWith(id) || (await page.locator('.bad').textContent()));
		assert.deepEqual(page.problems, []);
		await page.context().close();
	});
}

test('a page that is off says so', async () => {
	const off = await Server.start();
	const page = await browser.page(off);
	await page.goto('/#/operator');
	await page.getByLabel('The operator’s token').fill(TOKEN);
	await page.keyboard.press('Enter');
	await page.getByText('The operator’s page is off').waitFor();
	await page.context().close();
	await off.stop();
});
