// Package profile turns a page into observations, by a [Profile]: a YAML file that says where the
// pages of a site keep the facts. Rules are CSS selectors for HTML and jq queries for JSON.
// docs/profiles.md explains how to write one.
package profile
