import { h, setText } from './dom.js';

const CHOICES = [
	['auto', 'Automatic', 'the stream, or polling where none gets through'],
	['sse', 'Stream', 'server-sent events'],
	['ws', 'WebSocket', 'books come at the end'],
	['poll', 'Polling', 'books come at the end'],
];

/** How news of a job comes here, what each way has cost, and a switch to try another. */
export function connectionPanel(job) {
	const choices = h(
		'fieldset.choices',
		{ onchange: ({ target }) => job.follower.switchTo(target.value) },
		h('legend', 'How progress reaches this page'),
		CHOICES.map(([value, name, what]) =>
			h('label', h('input', { type: 'radio', name: 'transport', value }), h('span', name, h('small', `: ${what}`))),
		),
	);
	const rows = CHOICES.slice(1).map(([key, name]) => ({ meter: job.meters[key], cells: [h('td'), h('td'), h('td')], name }));
	const head = ['Way', 'Messages', 'Bytes', 'Latency'].map((name) => h('th', name));
	const body = rows.map(({ name, cells }) => h('tr', h('th', { scope: 'row' }, name), cells));
	const element = h(
		'details.connection',
		{ ontoggle: render },
		h('summary', 'Connection'),
		choices,
		h('table', h('thead', h('tr', head)), h('tbody', body)),
		h('p.fine', 'Bytes of bodies and messages. Latency: the median from a step of the job to its arrival, if both clocks agree.'),
	);

	function render() {
		choices.disabled = job.over;
		choices.querySelector(`[value=${job.follower.choice}]`).checked = true;
		for (const { meter, cells } of rows) {
			const { messages, bytes, latencyMs } = meter;
			const values = [messages, bytes, latencyMs >= 0 ? `${Math.round(latencyMs)} ms` : '–'];
			cells.forEach((cell, i) => setText(cell, values[i].toLocaleString()));
		}
	}

	return { element, render };
}
