package sentiment

import "fmt"

// FeatureSet names the descriptors, the functionals and their order. Weights carry it, and a model refuses to run on another.
const FeatureSet = "timbre-emotion-lld-v1"

const (
	pitchFunctionals  = 22
	levelFunctionals  = 14
	rhythmFunctionals = 8
	perDescriptor     = 8

	// NumFunctionals is the number of functionals of a segment.
	NumFunctionals = pitchFunctionals + levelFunctionals + rhythmFunctionals + perDescriptor*(NumLLD-3)

	// fLevel is the functional that depends on the gain of the line, in dBFS: it says something only beside the speaker's own.
	fLevel = pitchFunctionals
)

// DescriptorNames returns the names of the columns of Descriptors.LLD.
func DescriptorNames() []string {
	n := []string{"f0_st", "strength", "hnr_db", "level_db", "centroid_khz", "spread_khz", "rolloff_khz", "flatness_ln", "flux",
		"slope_300_1000", "slope_1000_3400", "alpha_db", "band_250_db", "band_500_db", "band_1000_db", "band_2000_db"}
	for i := range numCepstra {
		n = append(n, fmt.Sprintf("mfcc_%d", i+1))
	}
	return n
}

// FunctionalNames returns the names of the functionals in the order of their values.
func FunctionalNames() []string {
	n := []string{"f0_mean", "f0_std", "f0_p05", "f0_p20", "f0_p50", "f0_p80", "f0_p95", "f0_range", "f0_skew", "f0_slope", "f0_course",
		"f0_rise", "f0_fall", "f0_movement", "f0_stretch_range", "f0_rising_share", "hnr_mean", "hnr_std", "hnr_p20", "hnr_p80",
		"f0_roughness", "level_roughness",
		"level_p80", "level_std", "level_p95_p50", "level_p50_p20", "level_range", "level_skew", "level_slope", "level_course", "level_rise",
		"level_fall", "level_2_4hz", "level_4_8hz", "level_8_16hz", "level_f0_correlation",
		"active_share", "voiced_share", "voiced_per_s", "voiced_mean_s", "voiced_std_s", "pauses_per_s", "pause_mean_s", "peaks_per_s"}
	for i, d := range DescriptorNames() {
		if i == dF0 || i == dHNR || i == dLevel {
			continue
		}
		for _, s := range []string{"mean", "std", "p20", "p80", "delta", "voiced_mean", "voiced_std", "loud_mean"} {
			n = append(n, d+"_"+s)
		}
	}
	return n
}
