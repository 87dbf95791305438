"""The plugins that come with srbench; each is loaded through its entry point, as anyone's is."""
