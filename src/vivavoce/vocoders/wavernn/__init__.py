"""WaveRNN: one sample after another, each drawn from what a recurrent network gives."""
