import { asCsv, asJson, asText } from './book.js';
import { bookList, cover } from './book-list.js';
import { connectionPanel } from './connection.js';
import { announce, coalesce, h, setText } from './dom.js';
import { allowNotices, noticesMayBeAllowed } from './notices.js';
import { shelfPhotos } from './shelf-photos.js';
import { readingTable } from './reading.js';
import { countsOf, explain, figuresOf, kindOf, nameOf, percentOf, stagesOf } from './words.js';

const FILTERS = { all: 'All', found: 'Found', review: 'To review', missing: 'Not found' };
// Above so many books a list is worth searching and sorting.
const LONG_LIST = 12;
const WAYS = { sse: 'Live', ws: 'Live by WebSocket', poll: 'Asking every few seconds' };

/** One job's page, made once; then only changes are written. `again` takes files as if dropped, `retry` tries the job again. */
export function jobView(job, again, retry) {
	const element = h('article.job');
	const render = coalesce(update);
	const unsubscribe = job.subscribe(render);
	// Time left and the wait for a connection go on between events.
	const ticking = setInterval(render, 1000);
	let page;
	let loading = false;

	function update() {
		// Of a job started elsewhere, only the first answer tells the kind.
		if (page?.pipeline !== job.pipeline) {
			page?.close();
			page = build(job, again, retry);
			element.replaceChildren(...page.parts);
		}
		if (job.over && !loading) {
			loading = true;
			job.loadResults();
		}
		page.update();
	}

	update();
	return {
		element,
		close() {
			unsubscribe();
			clearInterval(ticking);
			page.close();
		},
	};
}

function build(job, again, retry) {
	const { pipeline } = job;
	const scan = pipeline === 'ai_scan';
	const point = (index) => [photos, list].forEach((view) => view.point(index));
	const list = bookList(job, scan ? point : null, ask);
	async function ask(book) {
		const { choose } = await import('./choose.js');
		choose(job, job.books[book.index], async (chosen) => {
			await job.chosen(book.index, chosen);
			list.render();
			list.refocus(book.index);
		});
	}
	const photos = scan && shelfPhotos(job, point, list.reveal);
	const tools = toolbar(job, list);
	const panel = connectionPanel(job);
	const [running, ended, covers] = [progress(job), outcome(job, again, retry), shelf(job)];
	const views = [running, ended, covers, list, tools, panel, photos, speaker(job)].filter(Boolean);
	const heading = h('h1', { tabindex: -1 });
	const kind = h('p.fine');
	const books = h('section', { 'aria-label': 'Books' }, tools.element, list.element);
	const parts = [
		h('header', h('p', h('a', { href: '#/' }, '← All jobs')), kind, heading),
		running.element,
		ended.element,
		covers.element,
		scan ? h('div.split', photos.element, books) : books,
		panel.element,
	];
	return {
		pipeline,
		parts,
		close: () => views.forEach((view) => view.close?.()),
		update() {
			setText(kind, kindOf(job));
			setText(heading, nameOf(job));
			document.title = `${job.over || job.lost ? '' : `${percentOf(job)} · `}${nameOf(job)} – Bookstrack`;
			for (const view of views) view.render();
		},
	};
}

/** Stage, bar, counts, current title, connection, and the way to stop. */
function progress(job) {
	const stages = h('ol.stages', { 'aria-label': 'Stages' });
	const percent = h('p.percent');
	const bar = h('div.bar', { role: 'progressbar', 'aria-label': 'Progress' }, h('i'));
	const counts = h('p');
	const current = h('p.current');
	const chip = h('span.chip');
	const retry = h('button.button', { onclick: () => job.follower.reconnect() }, 'Try now');
	const cancel = h('button.button', { onclick: stop }, 'Cancel');
	const meter = h('div.meter', percent, h('div.grow', bar, counts));
	const ask = h('button.button', { onclick: () => allowNotices().then(render) }, 'Tell me when it is done');
	const foot = h('div.row', h('span.grow', chip, ' ', retry), ask, cancel);
	const element = h('section.panel', { 'aria-label': 'Progress' }, stages, meter, current, foot);

	function stop() {
		if (!confirm('Stop this job? Books found so far are kept.')) return;
		cancel.disabled = true;
		job.cancel().catch((error) => {
			const { title, advice } = explain(error);
			job.note(`Not canceled. ${title} ${advice}`);
			announce(job.hint.text);
			cancel.disabled = false;
		});
	}

	function connection() {
		const { state, transport, retryAt, back, since } = job.connection;
		if (state === 'lost') return `Connection lost, trying again in ${Math.max(1, Math.ceil((retryAt - Date.now()) / 1000))} s.`;
		if (job.hint) return job.hint.text;
		if (state !== 'live') return 'Connecting…';
		return back && Date.now() - since < 6000 ? 'Connected again, nothing missed' : WAYS[transport];
	}

	function render() {
		const { state } = job;
		element.hidden = job.over || Boolean(job.lost);
		stages.replaceChildren(...stagesOf(job).map(([name, at]) => h(`li.${at}`, { 'aria-current': at === 'now' && 'step' }, name)));
		setText(percent, percentOf(job));
		bar.setAttribute('aria-valuenow', Math.floor(state.progress * 100));
		bar.firstChild.style.transform = `scaleX(${state.progress})`;
		setText(counts, countsOf(job));
		current.replaceChildren(...(state.currentTitle ? ['Looking up ', h('cite', state.currentTitle)] : []));
		setText(chip, connection());
		chip.className = `chip ${job.connection.state}`;
		retry.hidden = job.connection.state !== 'lost';
		ask.hidden = !noticesMayBeAllowed();
	}

	return { element, render };
}

/** How the job ended: what was found, or what went wrong and what can be done. */
function outcome(job, again, retry) {
	const element = h('section.panel', { 'aria-label': 'Outcome' });
	let shown;

	function failure(error) {
		const { title, advice, detail } = explain(error);
		const retry = job.files && error.retryable && h('button.button.primary', { onclick: () => again(job.files) }, 'Try again');
		return [h('h2', title), advice && h('p', advice), h('p.row', retry, h('a.button', { href: '#/' }, 'Choose another file')), detail && h('p.fine', detail)];
	}

	function remarks({ errors = [], suggestions = [] }) {
		const lines = errors.map(({ row, title, isbn, error, rejected }) => [`Row ${row}`, rejected && 'left out', title, isbn, error].filter(Boolean).join(' · '));
		const items = [...suggestions.map(({ message }) => message), ...lines].map((line) => h('li', line));
		return items.length > 0 && h('details', { open: items.length < 4 }, h('summary', `Remarks (${items.length})`), h('ul', items));
	}

	/** What can be done about what was not found. */
	function mending({ books, results, url, record }) {
		const count = (outcome) => books.filter(({ tries }) => tries === outcome).length;
		const [unanswered, unknown] = [count('error'), count('not_found')];
		const toSend = (results?.photos ?? []).filter(({ toSend, error }) => toSend && error !== 'E_IMAGE_INVALID').map(({ index }) => index + 1);
		const photos = (results?.photos ?? []).filter(({ status, toSend }) => status === 'failed' && !toSend).length;
		const left = unanswered ? unanswered.toLocaleString() : photos === 1 ? 'photo' : `${photos} photos`;
		const failed = books.filter(({ shownBy }) => shownBy.includes('missing')).length + (results?.rowsRejected ?? 0);
		function trying(what, only) {
			const problem = h('span.bad', { role: 'alert' });
			const button = h('button.button', { onclick: tryAgain }, `Try the ${what} again`);
			async function tryAgain() {
				button.disabled = true;
				setText(problem, '');
				await retry(job, only).catch((error) => {
					const { title, advice } = explain(error);
					button.disabled = false;
					setText(problem, `${title} ${advice}`);
				});
			}
			return [button, problem];
		}
		const href = `${url}/results?format=csv&only=failed,not_found`;
		const parts = [record.token && (unanswered || photos) > 0 && trying(left), record.token && unknown > 0 && trying(`${unknown.toLocaleString()} not found`, ['error', 'circuit_open', 'not_found', 'failed_photos']), failed > 0 && h('a.button', { href, download: `${nameOf(job).replace(/\.\w+$/, '')}-failed.csv` }, 'Download what failed')];
		const sending = toSend.length > 0 && h('p', `The books on ${toSend[1] ? 'photos' : 'photo'} ${toSend.join(', ')} are not known: send ${toSend[1] ? 'them' : 'it'} again.`);
		const gone = books.filter(({ lost }) => lost).length;
		const losing = gone > 0 && h('p.bad', `The server has lost ${gone.toLocaleString()} of these books, titles and all. Choose what is missing, or send everything again.`);
		return [losing, sending, parts.some(Boolean) && h('p.row', parts.flat())];
	}

	const readHere = (results) => results?.metadata?.modelUsed === 'spines' && h('p.fine', 'Read here, no AI service asked.');
	const how = (reading) => reading && h('details', h('summary', 'See how it was read'), readingTable(reading));

	function render() {
		const { state, results, lost } = job;
		const what = lost ?? results ?? (job.over && state);
		element.hidden = !what;
		if (shown === what) return;
		shown = what;
		const failed = lost ?? (state.status !== 'completed' && (state.error ?? {}));
		const parts = failed ? failure(failed) : [h('h2', state.message ?? 'Done')];
		if (!lost && (state.status !== 'failed' || job.books.length || results?.photos)) parts.push(figuresOf(job), ...mending(job), readHere(results), remarks(results ?? {}), how(results?.reading), results?.problem && h('p.bad', results.problem));
		// Who has reached a button by keyboard keeps it when the results come.
		const at = element.contains(document.activeElement) && document.activeElement.textContent;
		element.replaceChildren(...parts.filter(Boolean));
		if (at) [...element.querySelectorAll('a, button, summary')].find(({ textContent }) => textContent === at)?.focus({ preventScroll: true });
		element.classList.toggle('failed', Boolean(failed) && state.status !== 'canceled');
	}

	return { element, render };
}

/** The newest covers, put on a shelf from the left, few enough to be watched. */
function shelf(job) {
	const element = h('div.shelf', { 'aria-hidden': 'true' });
	let seen = 0;

	function render() {
		const { books } = job;
		element.hidden = job.over || job.pipeline === 'ai_scan' || !books.length;
		if (element.hidden) return;
		for (const book of books.slice(Math.max(seen, books.length - (seen ? 2 : 24)))) element.prepend(cover(book));
		seen = books.length;
		while (element.childElementCount > 24) element.lastChild.remove();
	}

	return { element, render };
}

/** Filters, and what one can take along: the books that are shown. */
function toolbar(job, list) {
	const counts = {};
	const filters = h(
		'fieldset.filters',
		{ onchange: ({ target }) => list.show(target.value) },
		h('legend.hidden', 'Show'),
		Object.entries(FILTERS).map(([value, name]) =>
			h('label', h('input.hidden', { type: 'radio', name: 'filter', value, checked: value === 'all' }), h('span', name, ' ', (counts[value] = h('b')))),
		),
	);
	const search = h('input.field', { type: 'search', placeholder: 'Title, author, ISBN', 'aria-label': 'Search these books', oninput: find });
	const order = h(
		'select.field',
		{ 'aria-label': 'Order', onchange: ({ target }) => list.sort(target.value) },
		Object.entries({ '': job.pipeline === 'ai_scan' ? 'As on the shelf' : 'As in the file', title: 'By title', author: 'By author', year: 'Newest first' }).map(([value, text]) => h('option', { value }, text)),
	);
	const finding = h('div.row.finding', search, order);
	const copy = h('button.button', { onclick: copyList }, 'Copy');
	const save = (name, spell) => h('button.button', { onclick: () => download(name, spell(list.matching())) }, `Download ${name}`);
	const element = h('div.row.toolbar', filters, h('div.row', copy, save('CSV', asCsv), save('JSON', asJson)), finding);
	let telling;

	function find() {
		list.search(search.value);
		// Once somebody stops typing.
		clearTimeout(telling);
		telling = setTimeout(() => announce(`${list.matching().length} books`), 700);
	}

	async function copyList() {
		const done = await navigator.clipboard?.writeText(asText(list.matching())).then(() => 'Copied', () => {});
		setText(copy, done ?? 'Not allowed');
		announce(copy.textContent);
		setTimeout(() => setText(copy, 'Copy'), 2500);
	}

	function download(name, text) {
		const href = URL.createObjectURL(new Blob([text]));
		h('a', { href, download: `${nameOf(job).replace(/\.\w+$/, '')}-books.${name.toLowerCase()}` }).click();
		setTimeout(() => URL.revokeObjectURL(href), 10_000);
	}

	function render() {
		const { books } = job;
		element.hidden = !books.length;
		finding.hidden = books.length <= LONG_LIST;
		// A list that grows keeps its order: nothing jumps under the pointer.
		order.hidden = !job.over;
		const sums = { all: 0, found: 0, review: 0, missing: 0 };
		for (const name of books.flatMap((book) => book?.shownBy ?? [])) if (name) sums[name] += 1;
		for (const state in sums) setText(counts[state], sums[state].toLocaleString());
		counts.review.closest('label').hidden = !sums.review;
	}

	return { element, render };
}

/** Tells screen readers few things: each quarter, a connection lost and back, the end. */
function speaker(job) {
	let said = sentence();

	function sentence() {
		const { state, over, connection } = job;
		if (over) return state.error?.userMessage ?? state.message ?? state.status;
		if (connection.state === 'lost') return 'Connection lost.';
		return `${Math.floor(state.progress * 4) * 25} percent`;
	}

	return {
		render() {
			if (said !== (said = sentence())) announce(said);
		},
	};
}
