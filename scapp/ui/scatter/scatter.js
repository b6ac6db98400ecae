// The map of many cells: WebGL points, a legend, lasso, box, pan and zoom. Written for Streamlit's components v2.
// Bytes in: header length (uint32), header (JSON, padded), x and y of each cell (uint16), code of each cell (uint16).
// Out: the state "selection" = {polygons: [[[x, y], ...]]} in the map's own coordinates.

const instances = new WeakMap()

const VERTEX = `#version 300 es
layout(location=0) in vec2 place;
layout(location=1) in float code;
uniform vec2 scale; uniform vec2 shift; uniform float size; uniform sampler2D palette; uniform float colours;
out vec4 tint;
void main() {
  vec4 found = texture(palette, vec2((code + 0.5) / colours, 0.5));
  tint = found;
  gl_Position = found.a < 0.01 ? vec4(9.0) : vec4(place * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
}`

const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 tint; out vec4 colour;
void main() {
  vec2 off = gl_PointCoord - 0.5;
  if (dot(off, off) > 0.25) discard;
  colour = vec4(tint.rgb, 1.0);
}`

function unpack(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = view.getUint32(0, true)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)))
  const start = bytes.byteOffset + 4 + length
  const body = bytes.buffer.slice(start, bytes.byteOffset + bytes.byteLength)
  const n = header.n
  return { header, places: new Uint16Array(body, 0, 2 * n), codes: new Uint16Array(body, 4 * n, n) }
}

function program(gl) {
  const made = gl.createProgram()
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind)
    gl.shaderSource(shader, text)
    gl.compileShader(shader)
    gl.attachShader(made, shader)
  }
  gl.linkProgram(made)
  return made
}

class Scatter {
  constructor(root) {
    this.frame = root.querySelector(".frame")
    this.canvas = root.querySelector("canvas.points")
    this.overlay = root.querySelector("canvas.overlay")
    this.legend = root.querySelector(".legend")
    this.tip = root.querySelector(".tip")
    this.root = root
    this.zoom = 1
    this.centre = [0.5, 0.5]
    this.tool = "lasso"
    this.path = []
    this.polygons = []
    this.hidden = new Set()
    const gl = this.canvas.getContext("webgl2", { preserveDrawingBuffer: true, antialias: false })
    if (!gl) {
      this.tip.textContent = "This browser offers no WebGL 2, which maps of so many cells need."
      this.tip.hidden = false
      return
    }
    this.gl = gl
    this.program = program(gl)
    this.buffers = [gl.createBuffer(), gl.createBuffer()]
    this.texture = gl.createTexture()
    this.listen()
    this.observer = new ResizeObserver(() => this.draw())
    this.observer.observe(this.frame)
  }

  listen() {
    const at = (event) => {
      const box = this.overlay.getBoundingClientRect()
      return [event.clientX - box.left, event.clientY - box.top]
    }
    this.overlay.onpointerdown = (event) => {
      this.overlay.setPointerCapture(event.pointerId)
      this.path = [at(event)]
      this.pressed = true
      this.tip.hidden = true
    }
    this.overlay.onpointermove = (event) => {
      const here = at(event)
      if (!this.pressed) return this.hover(here)
      if (this.tool === "pan") {
        const last = this.path[this.path.length - 1]
        const unit = this.unit()
        this.centre[0] -= (here[0] - last[0]) / unit
        this.centre[1] += (here[1] - last[1]) / unit
        this.path = [here]
        this.draw()
      } else {
        this.path.push(here)
        this.sketch()
      }
    }
    this.overlay.onpointerup = () => {
      this.pressed = false
      if (this.tool !== "pan") this.finish()
      this.path = []
      this.sketch()
    }
    this.overlay.onpointerleave = () => { this.tip.hidden = true }
    this.overlay.onwheel = (event) => {
      event.preventDefault()
      this.zoomAt(at(event), Math.exp(-event.deltaY * 0.0015))
    }
    this.overlay.ondblclick = () => this.reset()
    for (const button of this.root.querySelectorAll("[data-do]")) {
      button.onclick = () => this.press(button.dataset.do)
    }
  }

  press(what) {
    const middle = [this.overlay.clientWidth / 2, this.overlay.clientHeight / 2]
    if (["lasso", "box", "pan"].includes(what)) this.tool = what
    else if (what === "in") this.zoomAt(middle, 1.5)
    else if (what === "out") this.zoomAt(middle, 1 / 1.5)
    else if (what === "reset") this.reset()
    else if (what === "clear") { this.polygons = []; this.sketch(); this.tell() }
    else if (what === "png") this.save()
    this.mark()
  }

  mark() {
    for (const button of this.root.querySelectorAll("[data-do]")) {
      button.setAttribute("aria-pressed", String(button.dataset.do === this.tool))
    }
    this.overlay.style.cursor = this.tool === "pan" ? "grab" : "crosshair"
  }

  reset() {
    this.zoom = 1
    this.centre = [0.5, 0.5]
    this.draw()
  }

  // pixels on the screen for the whole width of the map, alike in both directions
  unit() {
    const { clientWidth: width, clientHeight: height } = this.overlay
    const [spanX, spanY] = this.spans()
    return Math.min(0.96 * width / spanX, 0.96 * height / spanY) * this.zoom
  }

  spans() {
    const [low, high] = this.header.bounds
    const most = Math.max(high[0] - low[0], high[1] - low[1]) || 1
    return [(high[0] - low[0]) / most || 1, (high[1] - low[1]) / most || 1]
  }

  zoomAt(pixel, factor) {
    const before = this.toMap(pixel)
    this.zoom = Math.min(200, Math.max(0.5, this.zoom * factor))
    const after = this.toMap(pixel)
    const spans = this.spans()
    this.centre[0] += (before[0] - after[0]) * spans[0]
    this.centre[1] += (before[1] - after[1]) * spans[1]
    this.draw()
  }

  // pixel -> share of the map in each direction (0 to 1), y upwards; centre is in units of the longer side
  toMap([x, y]) {
    const unit = this.unit()
    const spans = this.spans()
    const across = (x - this.overlay.clientWidth / 2) / unit + this.centre[0]
    const up = (this.overlay.clientHeight / 2 - y) / unit + this.centre[1]
    return [(across - 0.5) / spans[0] + 0.5, (up - 0.5) / spans[1] + 0.5]
  }

  toPixel([shareX, shareY]) {
    const unit = this.unit()
    const spans = this.spans()
    const across = (shareX - 0.5) * spans[0] + 0.5 - this.centre[0]
    const up = (shareY - 0.5) * spans[1] + 0.5 - this.centre[1]
    return [across * unit + this.overlay.clientWidth / 2, this.overlay.clientHeight / 2 - up * unit]
  }

  toData(share) {
    const [low, high] = this.header.bounds
    return [low[0] + share[0] * (high[0] - low[0]), low[1] + share[1] * (high[1] - low[1])]
  }

  toShare(data) {
    const [low, high] = this.header.bounds
    return [(data[0] - low[0]) / (high[0] - low[0] || 1), (data[1] - low[1]) / (high[1] - low[1] || 1)]
  }

  finish() {
    let pixels = this.path
    if (this.tool === "box" && pixels.length > 1) {
      const [a, b] = [pixels[0], pixels[pixels.length - 1]]
      pixels = [a, [b[0], a[1]], b, [a[0], b[1]]]
    }
    if (pixels.length < 3) return
    const step = Math.max(1, Math.floor(pixels.length / 300))
    const kept = pixels.filter((_, i) => i % step === 0)
    this.polygons = [kept.map((pixel) => this.toData(this.toMap(pixel)))]
    this.tell()
  }

  tell() {
    this.setStateValue("selection", { polygons: this.polygons })
  }

  hover(pixel) {
    if (this.waiting || !this.header) return
    this.waiting = true
    requestAnimationFrame(() => {
      this.waiting = false
      const [x, y] = this.toMap(pixel).map((share) => share * 65535)
      const reach = 7 / this.unit()
      const spans = this.spans()
      const [reachX, reachY] = [65535 * reach / spans[0], 65535 * reach / spans[1]]
      let best = -1
      let nearest = 1
      for (let i = 0; i < this.header.n; i++) {
        const dx = (this.places[2 * i] - x) / reachX
        if (dx > 1 || dx < -1) continue
        const dy = (this.places[2 * i + 1] - y) / reachY
        const far = dx * dx + dy * dy
        if (far < nearest && !this.hidden.has(this.codes[i])) { nearest = far; best = i }
      }
      this.tip.hidden = best < 0
      if (best < 0) return
      const { names, values } = this.header
      const code = this.codes[best]
      this.tip.textContent = names ? names[code] : (values[0] + (values[1] - values[0]) * code / 255).toPrecision(3)
      this.tip.style.left = `${pixel[0] + 12}px`
      this.tip.style.top = `${pixel[1] + 12}px`
    })
  }

  update(data, setStateValue) {
    this.setStateValue = setStateValue
    if (!this.gl) return
    const { header, places, codes } = unpack(data)
    const moved = !this.header || this.header.id !== header.id
    const recoloured = !this.header || this.header.title !== header.title || moved
    Object.assign(this, { header, places, codes })
    if (moved) {
      const had = this.polygons.length
      Object.assign(this, { polygons: [], zoom: 1, centre: [0.5, 0.5] })
      if (had) this.tell() // what was drawn on another map means nothing here
    }
    if (recoloured) this.hidden = new Set()
    const gl = this.gl
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[0])
    gl.bufferData(gl.ARRAY_BUFFER, places, gl.STATIC_DRAW)
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[1])
    gl.bufferData(gl.ARRAY_BUFFER, codes, gl.STATIC_DRAW)
    this.frame.style.height = `${header.height}px`
    this.root.querySelector(".x").textContent = `${header.axes} 1`
    this.root.querySelector(".y").textContent = `${header.axes} 2`
    this.overlay.setAttribute("aria-label", header.alt)
    this.list()
    this.mark()
    this.draw()
  }

  list() {
    const { names, counts, colours, title, values } = this.header
    this.legend.replaceChildren()
    const heading = document.createElement("div")
    heading.className = "title"
    heading.textContent = title
    this.legend.append(heading)
    if (!names) {
      const bar = document.createElement("div")
      bar.className = "bar"
      const stops = colours.filter((_, i) => i % 16 === 0 || i === colours.length - 1)
      bar.style.background = `linear-gradient(to top, ${stops.join(",")})`
      const ends = document.createElement("div")
      ends.className = "ends"
      for (const value of [values[1], values[0]]) {
        const label = document.createElement("span")
        label.textContent = Number(value).toPrecision(3)
        ends.append(label)
      }
      const both = document.createElement("div")
      both.className = "scale"
      both.append(bar, ends)
      this.legend.append(both)
      return
    }
    names.forEach((name, code) => {
      if (!counts[code]) return
      const item = document.createElement("button")
      item.className = "item"
      item.title = "Click: hide or show. Double-click: this one alone."
      const swatch = document.createElement("i")
      swatch.style.background = colours[code]
      item.append(swatch, `${name} (${counts[code].toLocaleString("en")})`)
      item.classList.toggle("off", this.hidden.has(code))
      item.onclick = () => {
        this.hidden.has(code) ? this.hidden.delete(code) : this.hidden.add(code)
        this.refresh()
      }
      item.ondblclick = () => {
        const alone = names.every((_, other) => other === code || this.hidden.has(other))
        this.hidden = new Set(alone ? [] : names.map((_, other) => other).filter((other) => other !== code))
        this.refresh()
      }
      this.legend.append(item)
    })
  }

  refresh() {
    [...this.legend.querySelectorAll(".item")].forEach((item, i) => {
      const shown = this.header.names.map((_, code) => code).filter((code) => this.header.counts[code])
      item.classList.toggle("off", this.hidden.has(shown[i]))
    })
    this.draw()
  }

  draw() {
    const gl = this.gl
    if (!gl || !this.header) return
    const ratio = this.ratio()
    const { clientWidth: width, clientHeight: height } = this.frame
    for (const canvas of [this.canvas, this.overlay]) {
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio)
        canvas.height = Math.round(height * ratio)
      }
    }
    const colours = this.header.colours
    const pixels = new Uint8Array(colours.length * 4)
    colours.forEach((hex, code) => {
      for (let c = 0; c < 3; c++) pixels[4 * code + c] = parseInt(hex.slice(1 + 2 * c, 3 + 2 * c), 16)
      pixels[4 * code + 3] = this.hidden.has(code) ? 0 : 255
    })
    gl.viewport(0, 0, this.canvas.width, this.canvas.height)
    gl.clearColor(0, 0, 0, 0)
    gl.clear(gl.COLOR_BUFFER_BIT)
    gl.useProgram(this.program)
    gl.bindTexture(gl.TEXTURE_2D, this.texture)
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, colours.length, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, pixels)
    for (const name of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, name, gl.NEAREST)
    for (const name of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, name, gl.CLAMP_TO_EDGE)
    const at = (name) => gl.getUniformLocation(this.program, name)
    const [x0, y0] = this.toPixel([0, 0])
    const [x1, y1] = this.toPixel([1, 1])
    gl.uniform2f(at("scale"), 2 * (x1 - x0) / width, 2 * (y0 - y1) / height)
    gl.uniform2f(at("shift"), 2 * x0 / width - 1, 1 - 2 * y0 / height)
    gl.uniform1f(at("size"), Math.max(1.5, this.header.size * Math.min(3, Math.sqrt(this.zoom))) * ratio)
    gl.uniform1f(at("colours"), colours.length)
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[0])
    gl.enableVertexAttribArray(0)
    gl.vertexAttribPointer(0, 2, gl.UNSIGNED_SHORT, true, 0, 0)
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[1])
    gl.enableVertexAttribArray(1)
    gl.vertexAttribPointer(1, 1, gl.UNSIGNED_SHORT, false, 0, 0)
    gl.drawArrays(gl.POINTS, 0, this.header.n)
    this.sketch()
  }

  // pixels of the canvas for one of the page
  ratio() {
    return this.enlarged || window.devicePixelRatio || 1
  }

  // the outline that is being drawn, or was
  sketch() {
    const context = this.overlay.getContext("2d")
    const ratio = this.ratio()
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    context.clearRect(0, 0, this.overlay.width, this.overlay.height)
    context.strokeStyle = getComputedStyle(this.root).getPropertyValue("--st-text-color") || "#888"
    context.lineWidth = 1.5
    context.setLineDash([5, 4])
    const outlines = this.polygons.map((polygon) => polygon.map((corner) => this.toPixel(this.toShare(corner))))
    if (this.pressed && this.path.length > 1) {
      const [a, b] = [this.path[0], this.path[this.path.length - 1]]
      outlines.splice(0, outlines.length, this.tool === "box" ? [a, [b[0], a[1]], b, [a[0], b[1]]] : this.path)
    }
    for (const outline of outlines) {
      context.beginPath()
      outline.forEach(([x, y], i) => (i ? context.lineTo(x, y) : context.moveTo(x, y)))
      context.closePath()
      context.stroke()
    }
  }

  // points, title and legend as a picture of twice the size on the screen
  save() {
    const scale = 2
    const { clientWidth: width, clientHeight: height } = this.frame
    const side = 240
    const below = 26
    this.enlarged = scale
    this.draw()
    const picture = document.createElement("canvas")
    picture.width = (width + side) * scale
    picture.height = (height + below) * scale
    const context = picture.getContext("2d")
    context.scale(scale, scale)
    const style = getComputedStyle(this.root)
    context.fillStyle = style.getPropertyValue("--st-background-color") || "#fff"
    context.fillRect(0, 0, width + side, height + below)
    context.drawImage(this.canvas, 0, 0, width, height)
    this.enlarged = 0
    this.draw()
    context.fillStyle = style.getPropertyValue("--st-text-color") || "#222"
    context.font = "13px sans-serif"
    context.fillText(`${this.header.axes} 1 (across) and ${this.header.axes} 2 (up)`, width / 2 - 60, height + 17)
    context.fillText(this.header.title, width + 10, 20)
    const { names, counts, colours, values } = this.header
    const entries = names
      ? names.map((name, code) => [`${name} (${counts[code]})`, colours[code], counts[code]]).filter((entry) => entry[2])
      : [[Number(values[1]).toPrecision(3), colours[colours.length - 1]], [Number(values[0]).toPrecision(3), colours[0]]]
    entries.slice(0, Math.floor((height - 40) / 18)).forEach(([text, hue], i) => {
      const ink = context.fillStyle
      context.fillStyle = hue
      context.fillRect(width + 10, 32 + 18 * i, 11, 11)
      context.fillStyle = ink
      context.fillText(String(text).slice(0, 32), width + 27, 42 + 18 * i)
    })
    const link = document.createElement("a")
    link.download = `${this.header.file}.png`
    link.href = picture.toDataURL("image/png")
    link.click()
  }

  end() {
    this.observer?.disconnect()
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext()
  }
}

export { Scatter, unpack } // for tests

export default function (component) {
  const { data, parentElement, setStateValue } = component
  let scatter = instances.get(parentElement)
  if (!scatter) {
    scatter = new Scatter(parentElement.querySelector(".scatter"))
    instances.set(parentElement, scatter)
  }
  scatter.update(data, setStateValue)
  return () => {
    scatter.end()
    instances.delete(parentElement)
  }
}
