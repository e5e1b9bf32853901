package service

import (
	"cmp"
	"slices"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// An AccountState is an account at one moment.
type AccountState struct {
	// Name is the account's name.
	Name string
	// Lane is the state of the lane in which its calls wait.
	Lane jasperclient.LaneState
	// CacheAnswers is how many answers are kept.
	CacheAnswers int
	// CacheBytes is the memory that these answers take, and CacheLimit its bound.
	CacheBytes, CacheLimit uint64
}

// States returns the states of the current accounts, sorted by name.
func (s *UsageService) States() []AccountState {
	all := s.accounts.Load().byName
	states := make([]AccountState, 0, len(all))
	for _, a := range all {
		state := AccountState{
			Name:         a.Name,
			Lane:         a.Client.Lane(),
			CacheAnswers: a.answers.EstimatedSize(),
			CacheBytes:   a.answers.WeightedSize(),
		}
		if s.cfg.CacheBytes > 0 {
			state.CacheLimit = a.answers.GetMaximum()
		}
		states = append(states, state)
	}
	slices.SortFunc(states, func(a, b AccountState) int { return cmp.Compare(a.Name, b.Name) })
	return states
}
