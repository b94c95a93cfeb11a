// What deploy/monitoring/dashboard.json may hold: Grafana's own types, from its package
// @grafana/schema, closed, with the options of the two kinds of panels that it has.
import type { Dashboard, FieldConfig, FieldConfigSource, GridPos, Panel, VariableModel } from '@grafana/schema';
import type { Options as Stat } from '@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.js';
import type { FieldConfig as Lines, Options as TimeSeries } from '@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.js';

/** Options that are left out have defaults. */
type Some<T> = T extends readonly unknown[] ? T : T extends object ? { [Name in keyof T]?: Some<T[Name]> } : T;

/** A query of Prometheus' plugin. */
interface Query {
	refId: string;
	expr: string;
	legendFormat?: string;
	instant?: boolean;
}

interface Of<Type extends string, Options, Custom>
	extends Pick<Panel, 'description' | 'interval' | 'maxDataPoints' | 'timeFrom' | 'transparent'> {
	type: Type;
	id: number;
	title: string;
	gridPos: GridPos;
	datasource: { type: 'prometheus'; uid: '${source}' };
	targets: Query[];
	options: Some<Options>;
	fieldConfig: {
		defaults: Omit<FieldConfig, 'custom' | 'links' | 'mappings'> & { custom?: Some<Custom> };
		overrides: FieldConfigSource['overrides'];
	};
}

export type Root = Omit<Dashboard, 'annotations' | 'gnetId' | 'id' | 'links' | 'panels' | 'revision' | 'snapshot' | 'templating'> & {
	uid: string;
	title: string;
	annotations: { list: never[] };
	panels: (Of<'stat', Stat, Record<string, never>> | Of<'timeseries', TimeSeries, Lines>)[];
	templating: { list: VariableModel[] };
};
