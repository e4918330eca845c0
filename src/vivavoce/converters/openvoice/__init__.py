"""OpenVoice v1 and v2: the tone colour of a voice."""
