"""What other tools call the fields of this schema, so that a recipe written for one of them can be carried over."""

from lmcore.config.schema import SECTIONS, section_type

_NAMES = {
    "model.d_model": "n_embd n_embed hidden_size d_embed embed_dim embedding_dim embedding_size emb_dim n_state dim",
    "model.n_layers": "n_layer num_layers num_hidden_layers n_blocks num_blocks depth",
    "model.n_heads": "n_head num_heads num_attention_heads nhead",
    "model.d_mlp": "intermediate_size ffn_dim d_ff d_ffn dim_feedforward n_inner ffn_hidden_size",
    "model.context_length": "block_size n_ctx n_positions max_position_embeddings seq_len seq_length sequence_length "
    "max_seq_len max_seq_length max_length context_size context_window context_len ctx_len",
    "model.dropout": "resid_pdrop attn_pdrop embd_pdrop dropout_rate hidden_dropout_prob attention_dropout",
    "model.mlp": "activation hidden_act activation_function act_fn",
    "model.norm": "norm_type normalization",
    "model.norm_epsilon": "layer_norm_eps layer_norm_epsilon rms_norm_eps norm_eps",
    "model.positions": "position_embedding_type pos_emb positional_encoding",
    "model.rotary_base": "rope_theta rope_base",
    "model.tied_head": "tie_word_embeddings tie_weights tie_embeddings weight_tying",
    "model.initial_std": "initializer_range init_std",
    "model.qk_norm": "use_qk_norm qk_layernorm",
    "model.logit_soft_cap": "final_logit_softcapping logit_cap",
    "training.learning_rate": "lr max_lr peak_lr learningrate eta",
    "training.min_learning_rate": "min_lr lr_min eta_min",
    "training.max_steps": "max_iters max_iter num_iterations iterations total_steps num_steps n_steps steps "
    "train_steps max_train_steps num_train_steps",
    "training.warmup_steps": "warmup_iters lr_warmup_steps num_warmup_steps warmup",
    "training.schedule": "lr_scheduler_type lr_scheduler lr_schedule scheduler lr_decay_style",
    "training.weight_decay": "wd l2",
    "training.beta1": "adam_beta1 beta_1",
    "training.beta2": "adam_beta2 beta_2",
    "training.epsilon": "adam_epsilon adam_eps eps",
    "training.gradient_clip": "grad_clip max_grad_norm clip_grad_norm gradient_clip_val clip_grad gradient_clipping "
    "max_norm",
    "training.gradient_accumulation_steps": "accumulate_grad_batches grad_accum_steps grad_acc_steps "
    "gradient_accumulation grad_accumulation_steps",
    "training.batch_size": "batch batchsize per_device_train_batch_size micro_batch_size train_batch_size "
    "device_batch_size bs",
    "training.optimizer": "optim",
    "evaluation.interval": "eval_interval eval_steps eval_every eval_freq val_check_interval",
    "evaluation.batches": "eval_iters eval_batches",
    "evaluation.batch_size": "per_device_eval_batch_size eval_batch_size",
    "checkpointing.interval": "save_steps save_interval save_every checkpoint_interval checkpoint_every",
    "checkpointing.keep_last": "save_total_limit",
    "dataset.path": "data_path train_file dataset_path text_file data_dir",
    "sampling.max_tokens": "max_new_tokens num_predict",
    "sampling.temperature": "temp",
    "other.log_interval": "logging_steps log_every log_freq",
    "other.runs_folder": "out_dir output_dir save_dir",
    "other.name": "run_name experiment_name",
    "other.seed": "random_seed manual_seed",
}
_ADVICE = {
    "training here is counted in steps: training.max_steps": "num_train_epochs epochs n_epochs num_epochs max_epochs",
    "warm-up here is counted in steps: training.warmup_steps": "warmup_ratio warmup_fraction warmup_epochs",
    "here the rate falls until training.max_steps": "lr_decay_iters lr_decay_steps",
    "training.schedule and training.min_learning_rate say how the rate falls here": "learning_rate_decay lr_decay "
    "decay_lr decay_rate gamma lr_gamma",
    "they are training.beta1 and training.beta2 here": "betas adam_betas",
    "the head size here is model.d_model / model.n_heads": "head_dim d_head head_size d_k",
    "the vocabulary here is the tokenizer's: see dataset.tokenizer and dataset.bpe_vocabulary": "vocab_size n_vocab "
    "d_vocab",
    "metrics, samples and notes are files of the run here, and nothing is sent anywhere": "wandb wandb_log "
    "wandb_project wandb_run_name wandb_entity wandb_mode use_wandb report_to tensorboard tensorboard_dir logging_dir "
    "logger comet neptune mlflow",
    "weights and activations are float32 here": "dtype torch_dtype precision mixed_precision fp16 bf16 amp use_amp",
    "models are not compiled here": "compile torch_compile use_compile",
    "batches are cut from tokens in memory here, without other processes": "num_workers dataloader_num_workers "
    "pin_memory dataloader_pin_memory",
    "a run goes on by `lmcore resume`, and another begins from its weights by `lmcore fork`": "init_from "
    "resume_from_checkpoint resume_from resume load_checkpoint",
    "with checkpointing.keep_best the best checkpoint is kept here": "save_best always_save_checkpoint "
    "load_best_model_at_end",
    "here all heads have keys and values of their own": "n_kv_heads num_key_value_heads n_kv_head num_kv_heads",
}
OTHER_NAMES = {name: f"it is {key} here" for key, names in _NAMES.items() for name in names.split()}
OTHER_NAMES |= {name: advice for advice, names in _ADVICE.items() for name in names.split()}


def said_elsewhere(name: str) -> str:
    """What another tool's name for a field is here, as the end of a sentence; "" for one that is not known."""
    return OTHER_NAMES.get(name.lower().replace("-", "_"), "")


def keys_for(name: str) -> tuple[str, ...]:
    """The dotted keys that a field's name may mean, be it one of this schema or of another tool."""
    plain = name.lower().replace("-", "_")
    own = [f"{home}.{plain}" for home in SECTIONS if plain in section_type(home).model_fields]
    return tuple(own or [key for key, names in _NAMES.items() if plain in names.split()])
