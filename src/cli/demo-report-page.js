// The charts of the demo's report. Runs in the page, after uPlot, on the JSON that the page carries with it.
;(() => {
  const result = JSON.parse(document.getElementById('result').textContent)
  const root = document.getElementById('charts')
  const { setup, spikeAtMs, adopted, watched } = result
  const fixed = result.static
  const spikeAtS = spikeAtMs / 1000
  const spikeEndS = spikeAtS + setup.phases[1].durationMs / 1000
  const rowMs = fixed.rows.length > 1 ? fixed.rows[1].atMs - fixed.rows[0].atMs : 1000
  const endS = Math.max(...[fixed, adopted].map(({ rows }) => (rows.at(-1).atMs + rowMs) / 1000))
  const sync = uPlot.sync('time')

  /** A series of one run: times in s, values, and how it is drawn. */
  const line = (label, points, style) => ({ label, points, style })
  const rowsOf = (run, read) => run.rows.map((row) => [(row.atMs + rowMs / 2) / 1000, read(row) ?? null])
  const gaugesOf = (run, read) => run.gauges.map((gauge) => [gauge.atMs / 1000, read(gauge)])
  const perSecond = (read) => (row) => (read(row) * 1000) / rowMs

  /** The limit as it moved: it holds from one move to the next. */
  function limitOf(run) {
    const first = run.limitMoves[0]?.from ?? run.gauges[0]?.limit ?? setup.poolMax
    return [
      [0, first],
      ...run.limitMoves.map((move) => [move.atMs / 1000, move.to]),
      [endS, run.limitMoves.at(-1)?.to ?? first],
    ]
  }

  const charts = [
    {
      title: 'Requests served',
      unit: 'per second, against what was offered',
      lines: [
        line(
          'offered',
          rowsOf(
            adopted,
            perSecond((row) => row.offered),
          ),
          'offered',
        ),
        line(
          'static',
          rowsOf(
            fixed,
            perSecond((row) => row.served),
          ),
          'static',
        ),
        line(
          'adopted',
          rowsOf(
            adopted,
            perSecond((row) => row.served),
          ),
          'adopted',
        ),
      ],
    },
    {
      title: 'Requests failed',
      unit: 'per second',
      lines: [
        line(
          'static',
          rowsOf(
            fixed,
            perSecond((row) => row.failed),
          ),
          'static filled',
        ),
        line(
          'adopted',
          rowsOf(
            adopted,
            perSecond((row) => row.failed),
          ),
          'adopted filled',
        ),
      ],
      height: 120,
    },
    {
      title: 'Latency p99 of the served',
      unit: 'ms, logarithmic',
      isLog: true,
      lines: [
        line(
          'static',
          rowsOf(fixed, (row) => row.latencyMsP99),
          'static',
        ),
        line(
          'adopted',
          rowsOf(adopted, (row) => row.latencyMsP99),
          'adopted',
        ),
      ],
    },
    {
      title: 'Connections',
      unit: 'in use, and the limit (dashed)',
      lines: [
        line('static limit', limitOf(fixed), 'static limit'),
        line(
          'in use',
          gaugesOf(fixed, (gauge) => gauge.inUse),
          'static',
        ),
        line('adopted limit', limitOf(adopted), 'adopted limit'),
        line(
          'in use',
          gaugesOf(adopted, (gauge) => gauge.inUse),
          'adopted',
        ),
      ],
    },
    {
      title: 'Callers waiting for a connection',
      unit: 'count',
      lines: [
        line(
          'static',
          gaugesOf(fixed, (gauge) => gauge.waiting),
          'static',
        ),
        line(
          'adopted',
          gaugesOf(adopted, (gauge) => gauge.waiting),
          'adopted',
        ),
      ],
      height: 150,
    },
  ]

  function paletteOf() {
    const style = getComputedStyle(document.documentElement)
    const color = (name) => style.getPropertyValue(`--${name}`).trim()
    const names = ['static', 'adopted', 'offered', 'spike', 'ink', 'dim', 'line', 'grid', 'page']
    return Object.fromEntries(names.map((name) => [name, color(name)]))
  }

  function seriesOf({ label, style }, palette) {
    const [who, how] = style.split(' ')
    const isThin = how === 'limit' || who === 'offered'
    return {
      label,
      stroke: palette[who],
      width: isThin ? 1.5 : 2,
      dash: how === 'limit' ? [5, 3] : who === 'offered' ? [3, 3] : undefined,
      fill: how === 'filled' ? `${palette[who]}33` : undefined,
      paths: how === 'limit' ? uPlot.paths.stepped({ align: 1 }) : undefined,
      points: { show: false },
      spanGaps: true,
      value: (_, value) => (value === null || value === undefined ? '–' : format(value)),
    }
  }

  const format = (value) => (value >= 10 ? Math.round(value).toLocaleString('en') : String(Math.round(value * 10) / 10))

  /** The spike as a band behind the lines. */
  function drawSpike(chart, palette) {
    const { ctx, bbox } = chart
    const [from, to] = [spikeAtS, spikeEndS].map((s) => chart.valToPos(s, 'x', true))
    ctx.save()
    ctx.fillStyle = palette.spike
    ctx.fillRect(from, bbox.top, to - from, bbox.height)
    ctx.restore()
  }

  /** What was said, in the order of the lists below the charts. */
  const flags = [
    ...watched.said.map(({ atMs }) => ({ atMs, color: 'static' })),
    ...adopted.said.map(({ atMs }) => ({ atMs, color: 'adopted' })),
  ].map((flag, i) => ({ ...flag, number: i + 1 }))

  /** As numbered flags, from left to right; those that would cover one another move aside. */
  function drawFlags(chart, palette) {
    const { ctx, bbox } = chart
    const ratio = devicePixelRatio
    const radius = 8 * ratio
    let rightmost = Number.NEGATIVE_INFINITY
    ctx.save()
    ctx.font = `700 ${10 * ratio}px system-ui, sans-serif`
    ctx.textAlign = 'center'
    ctx.textBaseline = 'middle'
    for (const { atMs, color, number } of flags.toSorted((a, b) => a.atMs - b.atMs)) {
      const x = chart.valToPos(atMs / 1000, 'x', true)
      const flagX = Math.max(x, rightmost + 2 * radius + ratio)
      rightmost = flagX
      ctx.strokeStyle = palette[color]
      ctx.lineWidth = ratio
      ctx.setLineDash([2 * ratio, 3 * ratio])
      ctx.beginPath()
      ctx.moveTo(flagX, bbox.top - radius)
      ctx.lineTo(x, bbox.top + radius / 2)
      ctx.lineTo(x, bbox.top + bbox.height)
      ctx.stroke()
      ctx.fillStyle = palette[color]
      ctx.beginPath()
      ctx.arc(flagX, bbox.top - radius, radius, 0, 2 * Math.PI)
      ctx.fill()
      ctx.fillStyle = palette.page
      ctx.fillText(String(number), flagX, bbox.top - radius)
    }
    ctx.restore()
  }

  /** Series have times of their own: the cursor reads each at its latest value. */
  function latestIndex(chart, series, index) {
    const values = chart.data[series]
    let at = index
    while (at > 0 && (values[at] === undefined || values[at] === null)) at -= 1
    return at
  }

  /** 1, 2 and 5 of each decade; of many decades, 1 alone. */
  function roundsWithin(min, max) {
    const factors = max / min > 1000 ? [1] : [1, 2, 5]
    const decades = Array.from({ length: 12 }, (_, i) => 10 ** (i - 3))
    return decades.flatMap((decade) => factors.map((f) => f * decade)).filter((value) => value >= min && value <= max)
  }

  function axesOf(isLast, isLog, palette) {
    const axis = { stroke: palette.dim, font: '12px system-ui, sans-serif', grid: { stroke: palette.grid, width: 1 } }
    const ticks = { stroke: palette.line, width: 1, size: 6 }
    const seconds = (_, splits) => splits.map((split) => `${split} s`)
    const numbers = (_, splits) => splits.map((split) => (split === null ? '' : format(split)))
    const inDecades = isLog && { splits: (_, __, min, max) => roundsWithin(min, max), filter: (_, splits) => splits }
    return [
      {
        ...axis,
        ticks,
        values: seconds,
        space: 60,
        size: 28,
        ...(isLast && { label: 'time from the start of each run', labelFont: axis.font, labelSize: 24 }),
      },
      {
        ...axis,
        ticks,
        grid: { ...axis.grid, ...(isLog && { filter: (_, splits) => splits }) },
        values: numbers,
        size: 58,
        space: 24,
        ...inDecades,
      },
    ]
  }

  function optionsOf({ lines, isLog, height }, isLast, palette) {
    return {
      width: root.clientWidth,
      height: (height ?? 175) + (isLast ? 24 : 0),
      padding: [22, 12, 0, 0],
      cursor: { sync: { key: sync.key }, drag: { x: true, y: false }, points: { size: 6 }, dataIdx: latestIndex },
      scales: {
        x: { time: false, range: (_, min, max) => [min, max] },
        y: isLog
          ? { distr: 3, range: (_, min, max) => [min * 0.8, max * 1.3] }
          : { range: (_, __, max) => [0, Math.max(1, max * 1.05)] },
      },
      axes: axesOf(isLast, isLog, palette),
      series: [
        { label: 'at', value: (_, s) => (s === null || s === undefined ? '–' : `${s.toFixed(2)} s`) },
        ...lines.map((each) => seriesOf(each, palette)),
      ],
      hooks: { drawClear: [(chart) => drawSpike(chart, palette)], draw: [(chart) => drawFlags(chart, palette)] },
    }
  }

  let drawn = []
  function draw() {
    const palette = paletteOf()
    for (const chart of drawn) chart.destroy()
    root.replaceChildren()
    drawn = charts.map((chart, i) => {
      const box = document.createElement('div')
      box.className = 'chart'
      const title = document.createElement('h3')
      const unit = document.createElement('span')
      unit.textContent = ` ${chart.unit}`
      title.append(chart.title, unit)
      box.append(title)
      root.append(box)
      const tables = chart.lines.map(({ points }) => [points.map(([s]) => s), points.map(([, value]) => value)])
      tables[0] = uPlot.join([tables[0], [[0, endS]]]) // every chart spans the whole run
      return new uPlot(optionsOf(chart, i === charts.length - 1, palette), uPlot.join(tables), box)
    })
  }

  draw()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
  addEventListener('resize', () => {
    for (const chart of drawn) chart.setSize({ width: root.clientWidth, height: chart.height })
  })
})()
