import { coalesce, h, setText } from './dom.js';
import { previewStep } from './reading.js';
import { briefOf, explain, nameOf } from './words.js';

/** The first page: where files go in, and the jobs that this browser has started. */
export function homeView(jobs, { uploads, samples, limits, features, take, send, dismiss, choose, go }) {
	const cards = new Map();
	const list = h('ul.cards');
	const recent = h('section', h('h2', 'Your jobs'), list);
	const models = features.visionProviders?.filter((name) => name !== 'barcode') ?? [];
	const reading = models.length === 1 && models[0] === 'spines' && ' Spines are read here, no AI service is asked: one shelf to a photo, from close by.';
	const intro = 'Drop the export of your reading app, or photos of a shelf, and watch every book being looked up.';
	const element = h('div.home', h('header', h('h1', { tabindex: -1 }, 'Your books, found.'), h('p.lead', intro)), dropZone(), recent);
	const refresh = coalesce(render);

	function dropZone() {
		const input = (id, attributes) => h('input.hidden', { type: 'file', id, onchange: chosen, ...attributes });
		const rows = limits.maxCsvRows ? `, up to ${limits.maxCsvRows.toLocaleString()} rows` : '';
		return h(
			'section.drop',
			{ 'aria-label': 'Add books' },
			h('h2', 'Drop a CSV or photos here'),
			h(
				'div.row',
				input('pick', { multiple: true, accept: '.csv,.tsv,.txt,.xlsx,.ods,image/jpeg,image/png,image/webp' }),
				h('label.button.primary', { for: 'pick' }, 'Choose files'),
				h('span.camera', input('shoot', { accept: 'image/*', capture: 'environment' }), h('label.button', { for: 'shoot' }, 'Take a photo')),
			),
			h('p.fine', `The export of any reading app, or any CSV or workbook with titles or ISBNs${rows}. JPEG, PNG or WebP, ${limits.maxPhotos ?? 5} photos to a scan.`, reading),
			samples.length > 0 && h('div.row', samples.map(({ text, run }) => h('button.button', { onclick: run }, text))),
		);
	}

	function chosen({ target }) {
		take([...target.files]);
		// The same file may be chosen again.
		target.value = '';
	}

	/** `name` and `actions` stay, the rest is shown anew. */
	function card(name, actions) {
		const brief = h('p.fine');
		const bar = h('div.bar', h('i'));
		const element = h('li.card', h('div.grow', name, brief), actions, bar);
		return (text, share, failed) => {
			setText(brief, text);
			bar.hidden = share === null;
			bar.firstChild.style.transform = `scaleX(${share})`;
			element.classList.toggle('failed', failed);
			return element;
		};
	}

	function jobCard(job) {
		const show = card(h('a.name', { href: `#/jobs/${encodeURIComponent(job.record.id)}` }, nameOf(job)), []);
		return () => show(briefOf(job), job.over || job.lost ? null : job.state.progress, Boolean(job.lost) || job.state.status === 'failed');
	}

	function uploadCard(upload) {
		const retry = h('button.button', { onclick: () => send(upload) }, 'Try again');
		const show = card(h('p.name', upload.name), [retry, h('button.button', { onclick: () => dismiss(upload) }, 'Remove')]);
		let shown;
		return () => {
			const { error, preview, sent } = upload;
			const { title, advice } = error ? explain(error) : {};
			retry.hidden = !error;
			const element = show(error ? `${title} ${advice}` : preview ? 'Waiting for you' : 'Sending…', error || preview ? null : (sent ?? null), Boolean(error));
			if (shown !== preview) {
				const selects = () => [...element.querySelectorAll('select')];
				const at = selects().indexOf(document.activeElement);
				element.querySelector('.step')?.remove();
				if (preview) element.append(previewStep(preview, { choose: (column, field) => choose(upload, column, field), go: () => go(upload), mapping: upload.mapping }));
				// Whoever chose by keyboard goes on from there.
				selects()[at]?.focus();
				shown = preview;
			}
			return element;
		};
	}

	function render() {
		document.title = 'Bookstrack';
		const made = (thing, make) => cards.get(thing) ?? cards.set(thing, make(thing)).get(thing);
		// What an address led to, and is not there, is nobody's job.
		const shown = jobs.list.filter(({ lost, record }) => !lost || record.createdAt);
		const items = [...uploads.map((upload) => made(upload, uploadCard)()), ...shown.map((job) => made(job, jobCard)())];
		recent.hidden = !items.length;
		if (items.length !== list.children.length || items.some((item, i) => item !== list.children[i])) list.replaceChildren(...items);
	}

	render();
	jobs.onchange = refresh;
	return { element, refresh, close: () => (jobs.onchange = null) };
}
