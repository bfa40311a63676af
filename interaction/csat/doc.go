// Package csat predicts the answer to a satisfaction survey from the record of a call: an ordinal model that a site fits to its own
// joined surveys. Records in, numbers out; no files, no clock.
//
// The way through it: a Collector takes the records and the answers, Calibrate fits and judges a Model, Parse reads one again,
// Measure takes the features of a record and Model.Predict the answer.
//
// The model is that of proportional odds: with η = Σ weight · (feature - mean)/sd, the probability of an answer of at most k is
// 1/(1 + exp(η - threshold k)). The features are few and fixed: how angry the voice was at its peak and at the end, how aroused
// over all and at the end, and how the talk was shared. Weights are shrunk (a ridge penalty chosen by cross-validation), and
// each of the five answers is counted a fifth of an answer more than was given, so that one nobody gave has a threshold too.
//
// Who is angry answers less, so the mean of the answers flatters. The model file states the share of calls that answered in each
// band of anger, with the mean that was answered and the mean that is predicted for all calls of the band. The prediction itself
// holds the answers of a call of given features against those features, so it is right also where the bands answer at different
// rates, as long as within calls of the same features answering does not depend on the answer.
//
// References: McCullagh, Regression models for ordinal data (1980). Wilson, Probable inference, the law of succession, and statistical
// inference (1927), for the interval of a share. Little and Rubin, Statistical Analysis with Missing Data (3rd ed. 2019), for
// what answering may depend on.
package csat
