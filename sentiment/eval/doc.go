// Package eval measures vocal emotion.
package eval
