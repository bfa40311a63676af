// Package scorecard is the arithmetic of reviewing a call: forms with weighted sections, what answers are worth, what the record
// suggests as an answer, and how far reviewers agree. It is pure: values in, values out.
//
//	f, err := scorecard.Parse(definition)          // checks every part
//	s := f.Suggest(record)                         // question id -> answer, with the time of its evidence
//	r := f.Score(answers)                          // 0 to 100, or what is still missing
//
// # How a score comes about
//
// An answer is worth 0 to 1: yes is 1 and no is 0, step k of a scale of 1 to n is (k-1)/(n-1), a text is worth nothing and counts for
// nothing. A section is the mean of its questions by their weights, the score the mean of the sections by theirs, times 100. A question
// answered "not applicable" leaves both sums, so that its weight falls to the others of its section; a section of such questions
// alone leaves the score likewise. A score exists once every required question is answered: an unanswered one is never 0.
//
// A question may be an auto-fail criterion: a confirmed no makes the score 0, whatever the rest says. Suggestion or answer alone
// never does: until a person confirms or withdraws it, the scorecard is not complete.
//
// # Terms
//
// A form is one version of a scorecard's questions. A suggestion is an answer that a measurement proposes; a person gives the answer.
// Agreement is Krippendorff's alpha (K. Krippendorff, Content Analysis, 2004, chapter 11): 1 where reviewers always agree, 0 where
// they agree as chance would. Drift is a reviewer's mean score less the others' on the same calls.
package scorecard
