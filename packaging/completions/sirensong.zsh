
#compdef sirensong

_sirensong_completion() {
  eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _SIRENSONG_COMPLETE=complete_zsh sirensong)
}

compdef _sirensong_completion sirensong

