/* Owns `attend forecast`: a table of the past in, the values that follow out, as CSV, JSON, a drawing in the terminal
 * or SVG; and backtests. */
#include "options.h"
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct forecast_options {
  att_cli_common common;
  const char *data, *svg;
  bool backtest, plot, json;
} forecast_options;

#define AT(member) offsetof(forecast_options, member)

/* clang-format off */
static const att_cli_option options[] = {
    {.group = "Input", .name = "data", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(data),
     .help = "the recent past: a table as `train forecast` takes it, of the same columns and the same step; with "
             "covariates it goes on with them for the rows that are forecast"},
    {.name = "backtest", .kind = ATT_CLI_FLAG, .offset = AT(backtest),
     .help = "forecast from each window of the table's past in place of its end, and measure"},

    {.group = "Output", .name = "plot", .kind = ATT_CLI_FLAG, .offset = AT(plot),
     .help = "draw past and forecast in the terminal in place of the table"},
    {.name = "svg", .kind = ATT_CLI_TEXT, .value = "FILE", .offset = AT(svg),
     .help = "draw past, forecast and the bands between the quantiles into a file as well"},
    {.name = "json", .kind = ATT_CLI_FLAG, .offset = AT(json),
     .help = "one object a line: time, series, target, mean, quantiles; with --backtest one of all measures"},
    {.name = NULL}};
/* clang-format on */

/* A point of a drawing. */
typedef struct point {
  double mean, low, high;
  bool past;
} point;

typedef struct forecast_run {
  att_cli *cli;
  const forecast_options *options;
  bool several, headed;
  char title[520], first_time[48], last_time[48];
  point *points; /* of one column of one series */
  size_t count, capacity;
  FILE *svg;
  size_t drawings;
  int status;
} forecast_run;

/* ---- drawing -------------------------------------------------------------------------------------------------- */

static void bounds(const forecast_run *run, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (size_t i = 0; i < run->count; i++) {
    const point *p = &run->points[i];
    if (isnan(p->mean)) continue;
    *low = fmin(*low, p->low);
    *high = fmax(*high, p->high);
  }
  if (!(*high > *low)) *high = *low + 1;
}

/* With as many digits as tell the ends of the axis apart, four at least. */
static const char *spell_level(double value, double low, double high, char text[32]) {
  double far = fmax(fabs(low), fabs(high)), digits = far > 0 ? 4 + floor(log10(far / (high - low))) : 4;
  snprintf(text, 32, "%.*g", (int)fmax(4, fmin(17, digits)), value);
  return text;
}

enum { ROWS = 12, WIDTH = 860, HEIGHT = 220, LEFT = 70, TOP = 34 };

/* Past as dots, the forecast as stars, a column some times. */
static void draw_small(forecast_run *run) {
  att_cli *cli = run->cli;
  double low, high;
  int columns = att_cli_columns(1) - 12;
  char grid[ROWS][512], number[32];
  bounds(run, &low, &high);
  if (columns > 500) columns = 500;
  if (columns < 20) columns = 20;
  memset(grid, ' ', sizeof grid);
  for (size_t i = 0; i < run->count; i++) {
    const point *p = &run->points[i];
    int x = (int)(i * (size_t)columns / run->count);
    if (isnan(p->mean)) continue;
    int top = (int)((high - p->high) / (high - low) * (ROWS - 1) + 0.5),
        end = (int)((high - p->low) / (high - low) * (ROWS - 1) + 0.5);
    int at = (int)((high - p->mean) / (high - low) * (ROWS - 1) + 0.5);
    for (int y = top; y <= end && !p->past; y++)
      if (grid[y][x] == ' ') grid[y][x] = ':';
    grid[at][x] = p->past ? '.' : '*';
  }
  att_cli_print(cli, "%s\n", run->title);
  int ends[2] = {(int)strlen(spell_level(low, low, high, number)), (int)strlen(spell_level(high, low, high, number))};
  int width = ends[0] > ends[1] ? ends[0] : ends[1];
  if (width < 10) width = 10;
  for (int y = 0; y < ROWS; y++) {
    spell_level(y ? low : high, low, high, number);
    att_cli_print(cli, "%*s |%.*s\n", width, y % (ROWS - 1) == 0 ? number : "", columns, grid[y]);
  }
  att_cli_print(cli, "%*s %s to %s\n", width + 1, "", run->first_time, run->last_time);
}

static double x_of(const forecast_run *run, size_t i) {
  return LEFT + (WIDTH - LEFT - 20) * (double)i / (double)(run->count > 1 ? run->count - 1 : 1);
}

static double y_of(double value, double low, double high) {
  return TOP + (HEIGHT - TOP - 30) * (high - value) / (high - low);
}

static void put_text(FILE *out, const char *text) {
  for (; *text; text++) {
    if (*text == '<')
      fputs("&lt;", out);
    else if (*text == '&')
      fputs("&amp;", out);
    else if ((unsigned char)*text >= ' ')
      fputc(*text, out);
  }
}

static void put_line(forecast_run *run, bool past, const char *style, double low, double high) {
  char x[32], y[32];
  bool open = false;
  fprintf(run->svg, "<path fill=\"none\" %s d=\"", style);
  for (size_t i = 0; i < run->count; i++) {
    const point *p = &run->points[i];
    bool joins =
        !past && i + 1 < run->count && p->past && !run->points[i + 1].past; /* the forecast begins at the last value */
    if ((p->past != past && !joins) || isnan(p->mean)) {
      open = false;
      continue;
    }
    fprintf(run->svg, "%c%s %s", open ? 'L' : 'M', att_cli_number(round(x_of(run, i) * 10) / 10, x),
            att_cli_number(round(y_of(p->mean, low, high) * 10) / 10, y));
    open = true;
  }
  fprintf(run->svg, "\"/>\n");
}

static void put_band(forecast_run *run, double low, double high) {
  char x[32], y[32];
  fprintf(run->svg, "<path fill=\"#4a86c5\" fill-opacity=\".25\" d=\"");
  bool open = false;
  for (size_t k = 0; k < 2 * run->count; k++) {
    size_t i = k < run->count ? k : 2 * run->count - 1 - k;
    const point *p = &run->points[i];
    if (p->past) continue;
    fprintf(run->svg, "%c%s %s", open ? 'L' : 'M', att_cli_number(round(x_of(run, i) * 10) / 10, x),
            att_cli_number(round(y_of(k < run->count ? p->high : p->low, low, high) * 10) / 10, y));
    open = true;
  }
  fprintf(run->svg, "%s\"/>\n", open ? "Z" : "");
}

static void draw_svg(forecast_run *run) {
  double low, high;
  char number[32];
  bounds(run, &low, &high);
  fprintf(run->svg, "<g transform=\"translate(0 %zu)\">\n<text x=\"%d\" y=\"20\" font-weight=\"bold\">",
          run->drawings * (size_t)HEIGHT, LEFT);
  put_text(run->svg, run->title);
  fprintf(run->svg, "</text>\n");
  for (int k = 0; k < 3; k++) {
    double value = low + (high - low) * k / 2, y = y_of(value, low, high);
    bool fits = strlen(spell_level(value, low, high, number)) < 10; /* beside the axis, else above its line */
    fprintf(run->svg, "<path stroke=\"#ddd\" d=\"M%d %dH%d\"/><text x=\"%d\" y=\"%d\" text-anchor=\"%s\">%s</text>\n",
            LEFT, (int)y, WIDTH - 20, fits ? LEFT - 6 : LEFT + 2, (int)y + (fits ? 4 : -3), fits ? "end" : "start",
            number);
  }
  put_band(run, low, high);
  put_line(run, true, "stroke=\"#555\"", low, high);
  put_line(run, false, "stroke=\"#1f5fa8\" stroke-width=\"2\"", low, high);
  fprintf(run->svg, "<text x=\"%d\" y=\"%d\">%s</text><text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n</g>\n",
          LEFT, HEIGHT - 10, run->first_time, WIDTH - 20, HEIGHT - 10, run->last_time);
  run->drawings++;
}

static void finish_column(forecast_run *run) {
  if (run->count == 0) return;
  if (run->options->plot) draw_small(run);
  if (run->svg) draw_svg(run);
  run->count = 0;
}

static int keep_point(forecast_run *run, const att_forecast_row *row) {
  if (run->count == run->capacity) {
    size_t capacity = run->capacity ? 2 * run->capacity : 1024;
    point *points = realloc(run->points, capacity * sizeof *points);
    if (!points) return att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory");
    run->points = points;
    run->capacity = capacity;
  }
  bool bands = !row->past && row->quantile_count > 1;
  run->points[run->count++] =
      (point){row->mean, bands ? fmin(row->mean, row->quantiles[0]) : row->mean,
              bands ? fmax(row->mean, row->quantiles[row->quantile_count - 1]) : row->mean, row->past};
  snprintf(run->last_time, sizeof run->last_time, "%s", row->time);
  return 0;
}

/* ---- rows ----------------------------------------------------------------------------------------------------- */

/* A cell of a CSV. */
static void write_cell(att_cli *cli, const char *text) {
  if (!strpbrk(text, ",\"\n\r")) {
    att_cli_print(cli, "%s", text);
    return;
  }
  att_cli_print(cli, "\"");
  for (; *text; text++) att_cli_print(cli, *text == '"' ? "\"\"" : "%c", *text);
  att_cli_print(cli, "\"");
}

static void write_csv(forecast_run *run, const att_forecast_row *row) {
  att_cli *cli = run->cli;
  char number[32];
  if (!run->headed) {
    att_cli_print(cli, "time,series,target,mean");
    for (size_t q = 0; q < row->quantile_count; q++) {
      snprintf(number, sizeof number, "%.6g", row->levels[q]);
      att_cli_print(cli, ",q%s", number);
    }
    att_cli_print(cli, "\n");
    run->headed = true;
  }
  write_cell(cli, row->time);
  att_cli_print(cli, ",");
  write_cell(cli, row->series);
  att_cli_print(cli, ",");
  write_cell(cli, row->target);
  att_cli_print(cli, ",%s", att_cli_number(row->mean, number));
  for (size_t q = 0; q < row->quantile_count; q++) att_cli_print(cli, ",%s", att_cli_number(row->quantiles[q], number));
  att_cli_print(cli, "\n");
}

static void write_json(forecast_run *run, const att_forecast_row *row) {
  att_cli *cli = run->cli;
  char number[32];
  att_cli_print(cli, "{\"time\": ");
  att_cli_write_json(cli, row->time, strlen(row->time));
  att_cli_print(cli, ", \"series\": ");
  att_cli_write_json(cli, row->series, strlen(row->series));
  att_cli_print(cli, ", \"target\": ");
  att_cli_write_json(cli, row->target, strlen(row->target));
  att_cli_print(cli, ", \"mean\": %s, \"quantiles\": {", att_cli_number(row->mean, number));
  for (size_t q = 0; q < row->quantile_count; q++) {
    snprintf(number, sizeof number, "%.6g", row->levels[q]);
    att_cli_print(cli, "%s\"%s\": ", q ? ", " : "", number);
    att_cli_print(cli, "%s", att_cli_number(row->quantiles[q], number));
  }
  att_cli_print(cli, "}}\n");
}

static int on_row(void *user, const att_forecast_row *row) {
  forecast_run *run = user;
  char title[520];
  snprintf(title, sizeof title, "%s%s%s", row->series, *row->series && *row->target ? " " : "", row->target);
  bool begins = run->count == 0 || (row->past && !run->points[run->count - 1].past) || strcmp(title, run->title) != 0;
  if (begins) {
    finish_column(run);
    snprintf(run->title, sizeof run->title, "%s", title);
    snprintf(run->first_time, sizeof run->first_time, "%s", row->time);
  }
  run->status = keep_point(run, row);
  if (!run->status && !row->past && !run->options->plot) {
    if (run->options->json)
      write_json(run, row);
    else
      write_csv(run, row);
  }
  return run->status || !att_cli_flush(run->cli);
}

/* ---- backtests ------------------------------------------------------------------------------------------------ */

static void write_measures(att_cli *cli, const char *name, const att_forecast_errors *e) {
  const double values[] = {e->mse, e->mae, e->mase, e->pinball, e->coverage};
  att_cli_print(cli, "%-12s", name);
  for (int i = 0; i < 5; i++) {
    char number[32] = "-";
    if (!isnan(values[i])) snprintf(number, sizeof number, "%.4f", values[i]);
    att_cli_print(cli, "\t%s", number);
  }
  att_cli_print(cli, "\n");
}

static void write_measures_json(att_cli *cli, const char *name, const att_forecast_errors *e) {
  static const char *const keys[] = {"mse", "mae", "mase", "pinball", "coverage"};
  const double values[] = {e->mse, e->mae, e->mase, e->pinball, e->coverage};
  char number[32];
  att_cli_print(cli, ", \"%s\": {", name);
  for (int i = 0; i < 5; i++)
    att_cli_print(cli, "%s\"%s\": %s", i ? ", " : "", keys[i],
                  isnan(values[i]) ? "null" : att_cli_number(values[i], number));
  att_cli_print(cli, "}");
}

static int backtest(forecast_run *run, att_model *model) {
  att_cli *cli = run->cli;
  att_cli_progress progress;
  att_backtest_result r;
  char number[32];
  att_cli_progress_start(&progress, cli);
  att_status done = att_backtest(model, run->options->data, att_cli_on_progress, &progress, &r);
  att_cli_progress_clear(&progress);
  if (done != ATT_OK) return att_cli_failed(cli, done);
  if (run->options->json) {
    att_cli_print(cli, "{\"windows\": %zu, \"season\": %zu, \"nominal_coverage\": %s", r.windows, r.season,
                  isnan(r.nominal) ? "null" : att_cli_number(r.nominal, number));
    write_measures_json(cli, "model", &r.model);
    write_measures_json(cli, "last_value", &r.last_value);
    write_measures_json(cli, "last_season", &r.last_season);
    att_cli_print(cli, "}\n");
    return 0;
  }
  snprintf(number, sizeof number, "of %.2f", r.nominal);
  att_cli_print(cli, "%zu windows\tMSE\tMAE\tMASE\tpinball\tcoverage %s\n", r.windows, isnan(r.nominal) ? "" : number);
  write_measures(cli, "model", &r.model);
  write_measures(cli, "last value", &r.last_value);
  write_measures(cli, "last season", &r.last_season);
  if (r.model.mse >= fmin(r.last_value.mse, r.last_season.mse))
    att_cli_warn(cli, "the model is no better than the last %s again",
                 r.last_value.mse <= r.last_season.mse ? "value" : "season");
  return 0;
}

/* ---- the verb ------------------------------------------------------------------------------------------------- */

static int write_svg(forecast_run *run, char *text, size_t size) {
  char head[256];
  int used = snprintf(head, sizeof head,
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %zu\" font-family=\"sans-serif\" "
                      "font-size=\"12\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
                      WIDTH, run->drawings * (size_t)HEIGHT);
  char *whole = malloc((size_t)used + size + 8);
  if (!whole) return att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory");
  memcpy(whole, head, (size_t)used);
  memcpy(whole + used, text, size);
  memcpy(whole + (size_t)used + size, "</svg>\n", 7);
  int status =
      att_cli_failed(run->cli, att_write_file(run->cli->ctx, run->options->svg, whole, (size_t)used + size + 7));
  free(whole);
  return status;
}

static int forecast(forecast_run *run, att_model *model) {
  char *text = NULL;
  size_t size = 0;
  if (run->options->svg) run->svg = open_memstream(&text, &size);
  if (run->options->svg && !run->svg) return att_cli_fail(run->cli, ATT_CLI_FAILED, "no memory");
  att_status done = att_forecast(model, run->options->data, on_row, run);
  int status = run->status;
  if (!status && done != ATT_OK) status = att_cli_failed(run->cli, done);
  if (!status) finish_column(run);
  if (run->svg) fclose(run->svg);
  if (!status && run->options->svg) status = write_svg(run, text, size);
  free(text);
  return status;
}

static int run(att_cli *cli) {
  forecast_options o;
  memset(&o, 0, sizeof o);
  forecast_run run = {.cli = cli, .options = &o};
  att_model *model = NULL;
  int status = att_cli_parse(cli, &o);
  if (!status && !o.data) status = att_cli_fail(cli, ATT_CLI_MISUSED, "--data is missing: a table of the recent past");
  if (!status && o.plot && o.json) status = att_cli_fail(cli, ATT_CLI_MISUSED, "--plot and --json: give one of them");
  if (!status && o.backtest && (o.plot || o.svg))
    status = att_cli_fail(cli, ATT_CLI_MISUSED, "--backtest measures, and takes no --%s", o.plot ? "plot" : "svg");
  if (!status) status = att_cli_start(cli);
  if (!status) status = att_cli_open_model_for(cli, ATT_VERB_FORECAST, &model);
  if (!status) status = o.backtest ? backtest(&run, model) : forecast(&run, model);
  free(run.points);
  att_model_close(model);
  return status;
}

const att_cli_verb att_cli_forecast = {
    .name = "forecast",
    .arguments = "MODEL --data FILE",
    .summary = "what follows the rows of a table, with bands of uncertainty",
    .about =
        "Writes what follows each series of a table, a row a time: the mean and the quantiles that the model was "
        "trained for, in the table's own units. The times go on as the table's do. With --backtest it forecasts from "
        "each window of the table and measures: MSE, MAE and pinball loss of values scaled as in training, MASE, and "
        "the share of values between the outer quantiles, beside the last value and the last season again.",
    .example = "attend forecast meter --data last-month.csv > next.csv\n"
               "attend forecast meter --data last-month.csv --svg next.svg --plot\n"
               "attend forecast meter --data 2017.csv --backtest",
    .options = options,
    .least_words = 1,
    .most_words = 1,
    .run = run,
};
