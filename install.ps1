<#
.SYNOPSIS
    Instala no seu Aeon o plugin que aprende com as suas conversas.
.DESCRIPTION
    Finds a Python and hands over to aeon_plugin_ft.install.bootstrap, out of this folder or out of the wheel of -Source.
.PARAMETER Aeon
    A pasta do seu Aeon, a que tem o main.py. Sem ela, o instalador procura.
.PARAMETER Python
    O Python que abre o seu Aeon.
.PARAMETER Source
    De onde instalar: a pasta do plugin, um arquivo .whl ou um endereço.
.PARAMETER TorchIndex
    De onde baixar o PyTorch, no lugar do endereço de costume.
.EXAMPLE
    powershell -ExecutionPolicy Bypass -File install.ps1 -Aeon "C:\Users\Ana\Meu Aeon"
.EXAMPLE
    powershell -ExecutionPolicy Bypass -File install.ps1 -WhatIf
#>
[CmdletBinding(SupportsShouldProcess = $true)]
param(
    [string] $Aeon,
    [string] $Python,
    [string] $Source,
    [string] $TorchIndex
)

# What is said here, in the language that Windows shows.
$spoken = if ($env:AEON_FT_LANGUAGE) { $env:AEON_FT_LANGUAGE } else { (Get-UICulture).Name }
$texts = if ($spoken -like 'pt*') {
    @{
        NoPython = 'Não encontrei o Python 3.10 ou mais novo: instale um de python.org e rode este instalador de novo.'
        NoDownload = 'Não deu para baixar o plugin de {0}: veja a conexão e o endereço, e rode este instalador de novo.'
        NoPlugin = 'O plugin não está em {0}: diga onde ele está com -Source (a pasta, um arquivo .whl ou um endereço).'
        Install = 'Instalar o plugin'
        Close = 'Enter fecha esta janela'
    }
} else {
    @{
        NoPython = 'There is no Python 3.10 or newer: install one from python.org and run this installer again.'
        NoDownload = 'The plugin could not be downloaded from {0}: look at the connection and the address, and run this installer again.'
        NoPlugin = 'The plugin is not at {0}: say where it is with -Source (the folder, a .whl file or an address).'
        Install = 'Install the plugin'
        Close = 'Enter closes this window'
    }
}

# Not "Stop": Windows PowerShell 5.1 would take each line that a program writes to stderr for an error.
$ErrorActionPreference = 'Continue'

function Find-Python {
    # The launcher first: "python" alone may be the Store's, which only opens the Store.
    foreach ($line in 'py -3', 'python', 'python3') {
        $command = $line -split ' '
        if (-not (Get-Command -Name $command[0] -CommandType Application -ErrorAction SilentlyContinue)) { continue }
        $before = @($command | Select-Object -Skip 1)
        & $command[0] @before -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>$null | Out-Null
        if ($LASTEXITCODE -eq 0) { return $command }
    }
}

function Get-Wheel {
    param([string[]] $Command, [string] $Address, [string] $Folder)

    $before = @($Command | Select-Object -Skip 1)
    & $Command[0] @before -m pip download --quiet --no-deps --dest $Folder $Address 2>$null | Out-Null
    if ($LASTEXITCODE -ne 0) { return $null }
    return Get-ChildItem -Path $Folder -Filter '*.whl' | Select-Object -First 1 -ExpandProperty FullName
}

function Wait-ForPerson {
    # Started from Explorer, the window would close with the last line.
    if ($script:alone -and [Environment]::UserInteractive) { Read-Host -Prompt $script:texts.Close | Out-Null }
}

function Exit-WithSentence {
    param([string] $Sentence)

    [Console]::Error.WriteLine($Sentence)
    Wait-ForPerson
    exit 1
}

function Get-Folder {
    # A backslash before the closing quote would quote the quote; cmd has done so already to "C:\Meu Aeon\".
    param([string] $Path)

    $bare = $Path.TrimEnd('\', '"')
    if ($bare -match ':$') { return "$bare\" }
    return $bare
}

$alone = $PSBoundParameters.Count -eq 0
$found = @(Find-Python)
if ($found.Count -eq 0) {
    Exit-WithSentence $texts.NoPython
}
$before = @($found | Select-Object -Skip 1)
$scratch = $null
# By its path and not by PYTHONPATH, in which a semicolon would end it; and not out of the folder in which this is
# started. No double quotes: Windows PowerShell would lose them on the way.
$start = "import sys; sys.path[:] = [sys.argv.pop(1), *filter(None, sys.path)]; import runpy; " +
    "runpy.run_module('aeon_plugin_ft.install.bootstrap', run_name='__main__', alter_sys=True)"
try {
    if (-not $Source) { $Source = $PSScriptRoot }
    $Source = Get-Folder -Path $Source
    $from = $Source
    if ($Source -match '://') {
        $scratch = Join-Path -Path ([IO.Path]::GetTempPath()) -ChildPath ([IO.Path]::GetRandomFileName())
        [IO.Directory]::CreateDirectory($scratch) | Out-Null
        $from = Get-Wheel -Command $found -Address $Source -Folder $scratch
        if (-not $from) {
            Exit-WithSentence ($texts.NoDownload -f $Source)
        }
    } elseif (-not ((Test-Path -LiteralPath $Source -PathType Leaf) -or
            (Test-Path -LiteralPath (Join-Path -Path $Source -ChildPath 'aeon_plugin_ft')))) {
        Exit-WithSentence ($texts.NoPlugin -f $Source)
    }

    $options = @('--source', $from)
    if ($Aeon) { $options += @('--aeon', (Get-Folder -Path $Aeon)) }
    if ($Python) { $options += @('--python', $Python) }
    if ($TorchIndex) { $options += @('--torch-index', $TorchIndex) }
    if (-not $PSCmdlet.ShouldProcess('Aeon', $texts.Install)) { $options += '--dry-run' }
    # Not through a pipe, which would lose the accents and the questions.
    & $found[0] @before -c $start $from @options
    $code = $LASTEXITCODE
} finally {
    if ($scratch) { Remove-Item -LiteralPath $scratch -Recurse -Force -ErrorAction SilentlyContinue -WhatIf:$false }
}
Wait-ForPerson
exit $code
