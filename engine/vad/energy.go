package vad

import "math"

// energy is the plain detector: how far each band stands above its own noise floor, with a check that the sound moves. It needs
// no network and serves as fallback and baseline. It knows speech only: Music and Noise scores stay 0.
//
// The floor of a band is the minimum of its smoothed level over the last 1.6 s, as in minimum statistics (Martin 2001); the
// statistic is the mean clipped excess over the bands, close to the long-term spectral divergence of Ramírez et al. (2004).
type energy struct {
	smooth [Bands]float32               // level smoothed over about 50 ms, natural log of power
	least  [energyBlocks][Bands]float32 // minima of the running blocks, a ring
	block  int
	within int            // steps in the running block
	mean   [Bands]float32 // slow mean of each band's level, to see whether it moves
	move   float32        // smoothed mean absolute change
	level  float32        // smoothed statistic
	steps  int64
}

const (
	energyBlocks     = 8
	energyBlockSteps = 12   // 192 ms
	energyClip       = 7    // natural log units of power, 30 dB: one loud band must not speak for all
	quietBand        = -9.5 // log power of a band of a line at rest: what stands above less is not heard
	// Slope and offset of the logistic map, chosen on speakers kept apart for settings.
	energySlope  = 2.2
	energyOffset = 1.5
)

func (e *energy) reset() {
	*e = energy{}
	for i := range e.least {
		for b := range e.least[i] {
			e.least[i][b] = math.MaxFloat32
		}
	}
}

func (e *energy) score(row []float32) Score {
	first := e.steps == 0
	e.steps++
	var change float32
	for b, v := range row {
		if first {
			e.smooth[b], e.mean[b] = v, v
		}
		e.smooth[b] += 0.3 * (v - e.smooth[b])
		e.mean[b] += 0.06 * (v - e.mean[b])
		d := v - e.mean[b]
		change += max(d, -d)
		cur := &e.least[e.block][b]
		*cur = min(*cur, e.smooth[b])
	}
	e.move += 0.1 * (change/Bands - e.move)
	var excess float32
	for b, v := range row {
		floor := float32(math.MaxFloat32)
		for i := range e.least {
			floor = min(floor, e.least[i][b])
		}
		// 1.0 is the bias of a minimum over the level of a steady noise; a floor below the line's own noise is no floor.
		d := min(max(v-max(floor, quietBand)-1.0, 0), energyClip)
		excess += d * d
	}
	if e.within++; e.within == energyBlockSteps {
		e.within, e.block = 0, (e.block+1)%energyBlocks
		for b := range row {
			e.least[e.block][b] = math.MaxFloat32
		}
	}
	e.level += 0.45 * (float32(math.Sqrt(float64(excess/Bands))) - e.level)
	s := e.level
	// A sound that does not move for a quarter second (a tone, a hum switched on) loses its claim.
	s *= min(1, e.move/0.5)
	return Score{Speech: logistic(energySlope * (s - energyOffset))}
}

func logistic(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) }
