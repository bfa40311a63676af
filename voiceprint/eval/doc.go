// Package eval is the metric vocabulary of speaker verification: from a list of trials and their scores to rates with intervals,
// tables and plots. It knows nothing of audio or models: slices in, numbers out, no clock, no files, no goroutines.
//
// The way through it: ReadTrials reads a list, SpeakersFromTrials (or ReadSpeakers) says which speaker stands behind each side,
// the caller scores every trial and fills a Set, Evaluate makes the Report, and WriteDET and WriteHistogram draw it. The single
// metrics are methods of Ranked, for callers that want one number.
//
// Terms. A trial compares an enrolment with a test; target means the same speaker, nontarget two speakers. A trial is accepted
// when its score is at or above the threshold. FMR is the share of nontarget trials accepted, FNMR the share of target trials
// refused, both among trials that got a score. FTE and FTA are the shares of enrolments and of tests that yielded none; FRR
// counts those failures as refusals, so that refusing the hard trials does not pay. All rates are fractions in [0, 1]; an LLR is
// in natural log; Cllr is in bits.
//
// Conventions, where more than one is in use:
//   - EER without more words is the plain one: the point where the ROC through all thresholds crosses FMR = FNMR, with a straight
//     line only across trials of exactly equal score. Perfect, reversed and identical scores give 0, 1 and 0.5. EERHull is the
//     EER of the convex hull of the ROC (BOSARIS), never above the plain one nor above 0.5: reversed scores give 0.5.
//   - DCF is normalised as NIST does: divided by the cost of the better of accepting all and refusing all.
//   - Cllr and minCllr follow Brümmer & du Preez (2006); minCllr recalibrates by pool-adjacent-violators without smoothing.
//   - FNMR at an FMR takes the lowest threshold whose FMR is not above the wanted one: no interpolation to an FMR never reached.
//   - Intervals come from a two-way bootstrap over speakers: see Options.Replicates and Evaluate.
//
// References: Martin et al., The DET curve in assessment of detection task performance (1997). Doddington et al., The NIST
// speaker recognition evaluation (2000), for the rule of 30. ISO/IEC 19795-1:2021, for FTA, FTE, FMR, FNMR and the rule of 3.
// Brümmer & du Preez, Application-independent evaluation of speaker detection (2006). Fawcett & Niculescu-Mizil, PAV and the ROC
// convex hull (2007). Bolle et al., Error analysis of pattern recognition systems: the subsets bootstrap (2004). Owen, The
// pigeonhole bootstrap (2007). NIST 2016 speaker recognition evaluation plan, for the normalised costs.
package eval
